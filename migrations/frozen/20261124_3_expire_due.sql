-- End up to p_limit holds whose time is over and give their units back; returns how many. With p_items only holds of these
-- stock items, with p_reservations only these.
--
-- A transaction of its own: it locks levels that its caller did not ask for. Locks: reservations that nobody else has
-- locked, then stock levels by ascending item. Any number of callers share the work.
CREATE FUNCTION expire_due(p_limit int, p_items uuid[] DEFAULT NULL, p_reservations uuid[] DEFAULT NULL) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  due uuid[];
  instant timestamptz := clock_timestamp();  -- a variable: a volatile call in the condition could not use the index
BEGIN
  SELECT array_agg(d.reservation_id) INTO due FROM (
    SELECT r.reservation_id FROM reservations r
     WHERE r.state = 'held' AND r.expires_at <= instant
       AND (p_reservations IS NULL OR r.reservation_id = ANY (p_reservations))
       AND (p_items IS NULL OR EXISTS (SELECT FROM reservation_lines l
                                        WHERE l.reservation_id = r.reservation_id AND l.item_id = ANY (p_items)))
     ORDER BY r.expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED) d;
  IF due IS NULL THEN
    RETURN 0;
  END IF;

  PERFORM 1 FROM stock_levels WHERE item_id IN (SELECT l.item_id FROM reservation_lines l WHERE l.reservation_id = ANY (due))
    ORDER BY item_id FOR NO KEY UPDATE;
  UPDATE stock_levels level SET held = level.held - ended.units, updated_at = clock_timestamp()
    FROM (SELECT l.item_id, sum(l.quantity - l.fulfilled - l.released)::int AS units
            FROM reservation_lines l WHERE l.reservation_id = ANY (due) GROUP BY l.item_id) ended
   WHERE level.item_id = ended.item_id;
  UPDATE reservation_lines SET released = quantity - fulfilled WHERE reservation_id = ANY (due);
  INSERT INTO outbox (name, entity_id, facts)
  SELECT 'reservation.expired', r.reservation_id, jsonb_build_object('reservation_id', r.reservation_id, 'account_id', r.account_id)
    FROM reservations r WHERE r.reservation_id = ANY (due);
  UPDATE reservations SET state = 'expired', closed_at = clock_timestamp(), close_reason = 'expired', version = version + 1
   WHERE reservation_id = ANY (due);
  RETURN cardinality(due);
END $$;
