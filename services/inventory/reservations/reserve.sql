-- Hold every line of an order, or none: one call, one round trip, a transaction of its own, so that the lock on a hot row
-- never spans a round trip. Call it on an autocommit connection.
--
-- Locks: the idempotency key, the account's quota, then stock levels by ascending item. What nobody waits for is written before
-- the levels are touched. It never expires other holds: those locks belong to other orders and would be taken out of order.
--
-- Answers {"outcome": …}:
--   held             with the reservation's facts in "answer"; also when the key replays an earlier answer ("is_replay")
--   refused          with "problems"; "is_reclaimable" says that some hold is over, so that expire_due for "items" may help
--   too_many_candidates, hold_limit_exceeded, key_reused, key_in_progress, contention
-- Without a key (p_key is null) nothing is remembered: the cart endpoint is idempotent by its reference.
-- Raises one_live_reservation_per_reference when the account has a live reservation with this reference.
CREATE OR REPLACE FUNCTION reserve(
  p_account uuid, p_key text, p_fingerprint bytea, p_reservation uuid, p_skus text[], p_warehouses text[], p_quantities int[],
  p_hold interval, p_external_ref text, p_metadata jsonb, p_request_id text, p_holds_max int, p_units_of_a_sku_max int
) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan  -- else PostgreSQL plans the statement of the quota anew for each order, which takes longer than the rest
SET enable_seqscan = off  -- a plan is made when the shop opens and the tables are empty, and kept when they are big
AS $$
DECLARE
  plan record;
  stored idempotency_keys;
  instant timestamptz;
  facts jsonb;
  changed int;
  has_key boolean;
  locked uuid[];
  tries int := 0;
BEGIN
  LOOP
    -- Sold out is answered without a lock or a write. Stock is read before the key: the other order would let a retry
    -- miss its key, then meet its own reservation as a shortage.
    SELECT * INTO plan FROM plan_order(p_skus, p_warehouses, p_quantities, '{}');
    IF plan.problems IS NOT NULL OR cardinality(plan.candidates) > 64 THEN
      SELECT * INTO stored FROM idempotency_keys k WHERE k.account_id = p_account AND k.key = p_key;
      EXIT WHEN FOUND;
      IF cardinality(plan.candidates) > 64 THEN
        RETURN jsonb_build_object('outcome', 'too_many_candidates');
      END IF;
      RETURN jsonb_build_object('outcome', 'refused', 'problems', plan.problems, 'items', plan.candidates, 'is_reclaimable',
        coalesce((SELECT min(r.expires_at) FROM reservations r WHERE r.state = 'held') <= clock_timestamp(), false));
    END IF;

    has_key := p_key IS NULL;
    BEGIN
      -- A twin that is in flight is waited for here, holding nothing.
      INSERT INTO idempotency_keys (account_id, key, fingerprint)
      SELECT p_account, p_key, p_fingerprint WHERE p_key IS NOT NULL ON CONFLICT DO NOTHING;
      IF NOT FOUND AND p_key IS NOT NULL THEN
        SELECT * INTO stored FROM idempotency_keys k WHERE k.account_id = p_account AND k.key = p_key;
        EXIT WHEN FOUND;
        RAISE SQLSTATE 'HF001';  -- somebody deleted it in between
      END IF;
      has_key := true;

      IF exceeds_quota(p_account, p_skus, p_quantities, p_holds_max, p_units_of_a_sku_max) THEN
        RAISE SQLSTATE 'HF002';
      END IF;

      instant := clock_timestamp();
      INSERT INTO reservations (reservation_id, account_id, external_ref, state, created_at, expires_at, metadata)
      VALUES (p_reservation, p_account, p_external_ref, 'held', instant, instant + p_hold, p_metadata);
      INSERT INTO outbox (name, entity_id, facts, request_id)
      VALUES ('reservation.held', p_reservation, jsonb_build_object('reservation_id', p_reservation, 'account_id', p_account), p_request_id);

      IF cardinality(plan.candidates) > 1 THEN
        PERFORM 1 FROM stock_levels WHERE item_id = ANY (plan.candidates) ORDER BY item_id FOR NO KEY UPDATE;
        IF plan.has_choice THEN  -- what was a hint is now exact
          locked := plan.candidates;
          SELECT * INTO plan FROM plan_order(p_skus, p_warehouses, p_quantities, '{}');
          IF plan.problems IS NOT NULL OR NOT plan.candidates <@ locked THEN
            RAISE SQLSTATE 'HF001';
          END IF;
        END IF;
      END IF;
      INSERT INTO reservation_lines (reservation_id, item_id, quantity)
      SELECT p_reservation, w.item_id, w.units FROM unnest(plan.items, plan.quantities) w (item_id, units);

      facts := jsonb_build_object(
        'reservation_id', p_reservation, 'account_id', p_account, 'external_ref', p_external_ref, 'lines', plan.lines,
        'created_at', instant, 'expires_at', instant + p_hold, 'metadata', p_metadata);
      UPDATE idempotency_keys k SET answer = facts WHERE k.account_id = p_account AND k.key = p_key;

      -- The decision is the condition of the write. Another order may have been faster since the plan.
      UPDATE stock_levels level SET held = level.held + w.units, updated_at = clock_timestamp()
        FROM unnest(plan.items, plan.quantities) w (item_id, units)
       WHERE level.item_id = w.item_id
         AND level.on_hand + level.backorder_limit - level.safety_stock - level.held - level.allocated >= w.units;
      GET DIAGNOSTICS changed = ROW_COUNT;
      IF changed <> cardinality(plan.items) THEN
        RAISE SQLSTATE 'HF001';
      END IF;
      -- What was archived since the plan takes no more holds. Whoever archives locks these levels first.
      IF EXISTS (SELECT FROM stock_items item JOIN products product USING (product_id) JOIN warehouses warehouse USING (warehouse_id)
                  WHERE item.item_id = ANY (plan.items) AND (product.status <> 'active' OR warehouse.status <> 'active')) THEN
        RAISE SQLSTATE 'HF001';
      END IF;
      RETURN jsonb_build_object('outcome', 'held', 'is_replay', false, 'answer', facts);
    EXCEPTION
      WHEN SQLSTATE 'HF001' THEN  -- rolls back to the start of the block, the key included; then look again
        tries := tries + 1;
        IF tries > 3 THEN
          RETURN jsonb_build_object('outcome', 'contention');
        END IF;
      WHEN SQLSTATE 'HF002' THEN
        RETURN jsonb_build_object('outcome', 'hold_limit_exceeded');
      WHEN lock_not_available THEN
        IF has_key THEN
          RAISE;
        END IF;
        RETURN jsonb_build_object('outcome', 'key_in_progress');
    END;
  END LOOP;

  IF stored.fingerprint <> p_fingerprint THEN
    RETURN jsonb_build_object('outcome', 'key_reused');
  END IF;
  RETURN jsonb_build_object('outcome', 'held', 'is_replay', true, 'answer', stored.answer);
END $$;
