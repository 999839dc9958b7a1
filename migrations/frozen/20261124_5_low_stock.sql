-- Keep low_stock up to date: which items are low or out. Only a crossing writes; every other change of a counter costs one
-- comparison. It catches every path to the counters, and its events are in the transaction that crossed.
CREATE FUNCTION note_crossing() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  available int := NEW.on_hand + NEW.backorder_limit - NEW.safety_stock - NEW.held - NEW.allocated;
  now_is text := stock_status(NEW);
  was text := CASE WHEN TG_OP = 'UPDATE' THEN stock_status(OLD) ELSE now_is END;
BEGIN
  IF now_is IS NULL THEN
    DELETE FROM low_stock WHERE item_id = NEW.item_id;
    RETURN NULL;
  END IF;
  INSERT INTO low_stock (item_id, status) VALUES (NEW.item_id, now_is)
  ON CONFLICT (item_id) DO UPDATE SET status = excluded.status, since = clock_timestamp();
  -- Better, or new with nothing in it, is no news.
  IF was IS NULL OR (was = 'low' AND now_is = 'out') THEN
    INSERT INTO outbox (name, entity_id, facts)
    VALUES ('stock.' || now_is, NEW.item_id, jsonb_build_object('item_id', NEW.item_id, 'available', greatest(available, 0)::text));
  END IF;
  RETURN NULL;
END $$;
