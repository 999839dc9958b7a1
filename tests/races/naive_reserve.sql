-- What many shops do: look whether there is enough, write everything down, and take the units last. Two who look at the same
-- moment both find the last one. It answers as reserve.sql does, so that the same harness can rush at it; the constraint that
-- has the last word is dropped with it, because it would turn the overselling into errors.
CREATE OR REPLACE FUNCTION reserve(
  p_account uuid, p_key text, p_fingerprint bytea, p_reservation uuid, p_skus text[], p_warehouses text[], p_quantities int[],
  p_hold interval, p_external_ref text, p_metadata jsonb, p_request_id text, p_holds_max int, p_units_of_a_sku_max int
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  plan record;
  instant timestamptz := clock_timestamp();
  facts jsonb;
BEGIN
  SELECT * INTO plan FROM plan_order(p_skus, p_warehouses, p_quantities, '{}');
  IF plan.problems IS NOT NULL THEN
    RETURN jsonb_build_object('outcome', 'refused', 'problems', plan.problems, 'items', plan.candidates, 'is_reclaimable', false);
  END IF;
  INSERT INTO reservations (reservation_id, account_id, external_ref, state, created_at, expires_at, metadata)
  VALUES (p_reservation, p_account, p_external_ref, 'held', instant, instant + p_hold, p_metadata);
  INSERT INTO outbox (name, entity_id, facts, request_id)
  VALUES ('reservation.held', p_reservation, jsonb_build_object('reservation_id', p_reservation, 'account_id', p_account), p_request_id);
  INSERT INTO reservation_lines (reservation_id, item_id, quantity)
  SELECT p_reservation, w.item_id, w.units FROM unnest(plan.items, plan.quantities) w (item_id, units);
  UPDATE stock_levels level SET held = level.held + w.units, updated_at = clock_timestamp()
    FROM unnest(plan.items, plan.quantities) w (item_id, units) WHERE level.item_id = w.item_id;
  facts := jsonb_build_object(
    'reservation_id', p_reservation, 'account_id', p_account, 'external_ref', p_external_ref, 'lines', plan.lines,
    'created_at', instant, 'expires_at', instant + p_hold, 'metadata', p_metadata);
  RETURN jsonb_build_object('outcome', 'held', 'is_replay', false, 'answer', facts);
END $$;

ALTER TABLE stock_levels DROP CONSTRAINT promises_do_not_exceed_stock;
