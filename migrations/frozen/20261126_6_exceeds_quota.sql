-- Whether an order would give an account more holds, or more units of one sku on hold, than it may have. A null limit is none.
-- Holds whose time is over do not count.
--
-- The account's other orders wait from here on until the caller's transaction ends: of any number at once, none slips past
-- the limit. It is an advisory lock, so logging in and being disabled wait for nothing.
CREATE OR REPLACE FUNCTION exceeds_quota(
  p_account uuid, p_skus text[], p_quantities int[], p_holds_max int, p_units_of_a_sku_max int, p_except uuid DEFAULT NULL
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  wanted_items uuid[];
BEGIN
  IF p_holds_max IS NULL AND p_units_of_a_sku_max IS NULL THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(p_account::text, 0));
  wanted_items := ARRAY(SELECT item.item_id FROM stock_items item JOIN products product USING (product_id) WHERE product.sku = ANY (p_skus));
  RETURN (
    WITH held AS (
      SELECT reservation_id FROM reservations
       WHERE account_id = p_account AND state = 'held' AND expires_at > statement_timestamp() AND reservation_id IS DISTINCT FROM p_except
    )
    SELECT coalesce((SELECT count(*) FROM held) >= p_holds_max, false)
        OR coalesce((SELECT max(units) > p_units_of_a_sku_max
                       FROM (SELECT sku, sum(quantity) AS units
                               FROM (SELECT w.sku, w.quantity FROM unnest(p_skus, p_quantities) w (sku, quantity)
                                     UNION ALL
                                     SELECT product.sku, line.quantity
                                       FROM held
                                       JOIN reservation_lines line USING (reservation_id)
                                       JOIN stock_items item USING (item_id)
                                       JOIN products product USING (product_id)
                                      WHERE line.item_id = ANY (wanted_items)) wanted_and_held
                              GROUP BY sku) by_sku), false));
END $$;
