-- Hold orders of one line for the same sku and warehouse, each or not, in the order in which they came: one call, one round trip, a
-- transaction of its own, as `reserve` is. However many they are, the level is locked once, changed once, and committed once.
--
-- The rule is that of `reserve`. What is not plain is left to it, so that nothing is decided here that it would decide otherwise.
-- Answers for each order, in its place, {"outcome": …}:
--   held, refused  as `reserve` does
--   alone          nothing was changed; ask `reserve`. Its sku could lie in several warehouses or in none, its key belongs to another
--                  request, its reference has a live reservation, its account would have too much on hold, or somebody was in the way
--
-- Locks: the idempotency keys in their order, the accounts' quotas in theirs, then the level. What nobody waits for is written before.
CREATE OR REPLACE FUNCTION reserve_batch(
  p_sku text, p_warehouse text, p_accounts uuid[], p_keys text[], p_fingerprints bytea[], p_reservations uuid[], p_quantities int[],
  p_holds interval[], p_external_refs text[], p_metadata jsonb[], p_request_ids text[], p_holds_max int[], p_units_of_a_sku_max int[]
) RETURNS jsonb LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan  -- see reserve
SET enable_seqscan = off  -- a plan is made when the shop opens and the tables are empty, and kept when they are big
AS $$
DECLARE
  total CONSTANT int := (SELECT sum(quantity) FROM unnest(p_quantities) quantity);
  all_alone CONSTANT jsonb[] := array_fill('{"outcome": "alone"}'::jsonb, ARRAY[cardinality(p_keys)]);
  plan record;
  wanted record;
  available int;
  left_over int;  -- of what is available, behind the orders that have been taken
  claims int[];  -- the first of each key
  eligible int[];
  taken int[];
  unused int;
  line jsonb;
  instant timestamptz;
  is_reclaimable boolean;
  outcomes jsonb[];
  is_at_level boolean;
BEGIN
  FOR tries IN 1 .. 4 LOOP
    -- Stock is read before the keys, and whoever it is too little for locks and writes nothing: see reserve.
    SELECT * INTO plan FROM plan_order(ARRAY[p_sku], ARRAY[p_warehouse], ARRAY[total], '{}');
    IF cardinality(plan.candidates) <> 1 THEN
      RETURN to_jsonb(all_alone);
    END IF;
    available := coalesce((plan.problems -> 0 ->> 'available')::int, total);
    left_over := available;
    claims := ARRAY(SELECT DISTINCT ON (w.account_id, w.key) w.position::int
                      FROM unnest(p_accounts, p_keys, p_quantities) WITH ORDINALITY w (account_id, key, quantity, position)
                     WHERE w.quantity <= available ORDER BY w.account_id, w.key, w.position);
    eligible := '{}';
    taken := '{}';
    outcomes := all_alone;
    is_at_level := false;
    is_reclaimable := coalesce((SELECT min(r.expires_at) FROM reservations r WHERE r.state = 'held') <= clock_timestamp(), false);

    BEGIN
      IF claims <> '{}' THEN
        INSERT INTO idempotency_keys (account_id, key, fingerprint)
        SELECT p_accounts[c.n], p_keys[c.n], p_fingerprints[c.n] FROM unnest(claims) c (n) ON CONFLICT DO NOTHING;
        -- OFFSET 0, here and below: one probe for each order and no join, for the same reason.
        -- Of several orders of one account each is looked at as if those before it were held. In the order of the accounts: the
        -- function locks them.
        eligible := ARRAY(
          SELECT w.n FROM (
            SELECT c.n, p_accounts[c.n] AS account_id,
                   row_number() OVER of_account AS orders, sum(p_quantities[c.n]) OVER of_account AS units,
                   row_number() OVER (PARTITION BY p_accounts[c.n], p_external_refs[c.n] ORDER BY c.n) AS of_reference
              FROM unnest(claims) c (n)
              JOIN LATERAL (SELECT FROM idempotency_keys k WHERE k.account_id = p_accounts[c.n] AND k.key = p_keys[c.n]
                               AND k.answer IS NULL OFFSET 0) ours ON true  -- null only inside the transaction that claimed the key
            WINDOW of_account AS (PARTITION BY p_accounts[c.n] ORDER BY c.n)
             ORDER BY account_id, c.n OFFSET 0) w
           WHERE NOT exceeds_quota(w.account_id, ARRAY[p_sku], ARRAY[w.units::int], p_holds_max[w.n] - w.orders::int + 1, p_units_of_a_sku_max[w.n])
             AND (p_external_refs[w.n] IS NULL OR w.of_reference = 1 AND NOT EXISTS (
                   SELECT FROM reservations r
                    WHERE r.account_id = w.account_id AND r.external_ref = p_external_refs[w.n] AND r.state IN ('held', 'confirmed'))));
        line := (SELECT jsonb_build_object('item_id', item.item_id, 'sku', p_sku, 'warehouse', warehouse.code)
                   FROM stock_items item JOIN warehouses warehouse USING (warehouse_id) WHERE item.item_id = plan.candidates[1]);
      END IF;

      instant := clock_timestamp();
      FOR wanted IN
        SELECT w.*, k.answer, coalesce(k.fingerprint, p_fingerprints[w.claim]) = w.fingerprint AS is_same
          FROM (SELECT w.*, (min(w.position) FILTER (WHERE w.quantity <= available) OVER (PARTITION BY w.account_id, w.key))::int AS claim
                  FROM unnest(p_accounts, p_keys, p_fingerprints, p_quantities)
                       WITH ORDINALITY w (account_id, key, fingerprint, quantity, position)) w
          LEFT JOIN LATERAL (SELECT * FROM idempotency_keys k WHERE k.account_id = w.account_id AND k.key = w.key OFFSET 0) k ON true
         ORDER BY w.position
      LOOP
        IF wanted.answer IS NOT NULL THEN
          IF wanted.is_same THEN
            outcomes[wanted.position] := jsonb_build_object('outcome', 'held', 'is_replay', true, 'answer', wanted.answer);
          END IF;
        ELSIF wanted.claim = ANY (taken) THEN  -- its twin was before it
          IF wanted.is_same THEN
            outcomes[wanted.position] := outcomes[wanted.claim] || '{"is_replay": true}';
          END IF;
        ELSIF wanted.quantity > left_over THEN
          outcomes[wanted.position] := jsonb_build_object(
            'outcome', 'refused', 'items', plan.candidates, 'is_reclaimable', is_reclaimable,
            'problems', jsonb_build_array(jsonb_build_object(
              'line', 0, 'kind', 'short', 'sku', p_sku, 'warehouse', p_warehouse, 'requested', wanted.quantity, 'available', left_over)));
        ELSIF wanted.position = ANY (eligible) THEN
          taken := taken || wanted.claim;
          left_over := left_over - wanted.quantity;
          outcomes[wanted.claim] := jsonb_build_object('outcome', 'held', 'is_replay', false, 'answer', jsonb_build_object(
            'reservation_id', p_reservations[wanted.claim], 'account_id', wanted.account_id, 'external_ref', p_external_refs[wanted.claim],
            'lines', jsonb_build_array(line || jsonb_build_object('quantity', wanted.quantity)),
            'created_at', instant, 'expires_at', instant + p_holds[wanted.claim], 'metadata', p_metadata[wanted.claim]));
          UPDATE idempotency_keys k SET answer = outcomes[wanted.claim] -> 'answer'
           WHERE k.account_id = wanted.account_id AND k.key = wanted.key;
        END IF;
      END LOOP;
      IF claims = '{}' THEN
        RETURN to_jsonb(outcomes);
      END IF;

      -- In the order of what two could wait for each other about.
      INSERT INTO reservations (reservation_id, account_id, external_ref, state, created_at, expires_at, metadata)
      SELECT p_reservations[t.n], p_accounts[t.n], p_external_refs[t.n], 'held', instant, instant + p_holds[t.n], p_metadata[t.n]
        FROM unnest(taken) t (n) ORDER BY p_accounts[t.n], p_external_refs[t.n];
      INSERT INTO outbox (name, entity_id, facts, request_id)
      SELECT 'reservation.held', p_reservations[t.n],
             jsonb_build_object('reservation_id', p_reservations[t.n], 'account_id', p_accounts[t.n]), p_request_ids[t.n]
        FROM unnest(taken) t (n);
      INSERT INTO reservation_lines (reservation_id, item_id, quantity)
      SELECT p_reservations[t.n], plan.candidates[1], p_quantities[t.n] FROM unnest(taken) t (n);
      FOR unused IN SELECT c.n FROM unnest(claims) c (n) WHERE c.n <> ALL (taken) LOOP  -- the same key may succeed another time
        DELETE FROM idempotency_keys k WHERE k.account_id = p_accounts[unused] AND k.key = p_keys[unused] AND k.answer IS NULL;
      END LOOP;

      is_at_level := true;
      -- The decision is the condition of the write: see reserve.
      UPDATE stock_levels level SET held = level.held + available - left_over, updated_at = clock_timestamp()
       WHERE level.item_id = plan.candidates[1] AND available > left_over
         AND level.on_hand + level.backorder_limit - level.safety_stock - level.held - level.allocated >= available - left_over;
      IF NOT FOUND AND available > left_over OR EXISTS (
        SELECT FROM stock_items item JOIN products product USING (product_id) JOIN warehouses warehouse USING (warehouse_id)
         WHERE item.item_id = plan.candidates[1] AND (product.status <> 'active' OR warehouse.status <> 'active')) THEN
        RAISE SQLSTATE 'HF001';
      END IF;
      RETURN to_jsonb(outcomes);
    EXCEPTION
      WHEN SQLSTATE 'HF001' THEN  -- rolls back to the start of the block, the keys included; then look again
        NULL;
      WHEN unique_violation THEN
        EXIT;
      WHEN lock_not_available THEN
        IF is_at_level THEN  -- which all of them need; a key or a quota concerns one
          RAISE;
        END IF;
        EXIT;
    END;
  END LOOP;
  RETURN to_jsonb(all_alone);
END $$;
