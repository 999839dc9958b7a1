-- Find a stock item for every line of an order, on one snapshot. Locks nothing: a plan made before its rows are locked is
-- only a hint.
--
-- Lines for one sku and warehouse are merged first. Lines that name a warehouse choose first, because they have no other
-- choice; the rest take, in the order of the request, the first warehouse by priority that can still take the whole line.
--
-- p_own are units, by stock item, that the caller holds already and would give back: they count as available, also where more
-- is promised than would be promised now because the safety stock was raised.
--
--   problems    what cannot be placed and why, by the position of the line in the request; null if everything can
--   items       the stock items chosen, ascending, and
--   quantities  the units of each
--   lines       the same for people: sku, warehouse and quantity, by sku and warehouse as every read of them
--   candidates  every stock item that a line could have chosen
--   has_choice  whether some line could have chosen another
CREATE FUNCTION plan_order(
  p_skus text[], p_warehouses text[], p_quantities int[], p_own jsonb,
  OUT problems jsonb, OUT items uuid[], OUT quantities int[], OUT lines jsonb, OUT candidates uuid[], OUT has_choice boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  wanted record;
  chosen record;
  planned jsonb := '{}';  -- item -> units that earlier lines of this order take
  placed jsonb := '[]';
BEGIN
  candidates := '{}';
  has_choice := false;
  FOR wanted IN
    SELECT min(w.position)::int - 1 AS line, w.sku, w.warehouse, sum(w.quantity)::int AS quantity
      FROM unnest(p_skus, p_warehouses, p_quantities) WITH ORDINALITY w (sku, warehouse, quantity, position)
     GROUP BY w.sku, w.warehouse
     ORDER BY w.warehouse IS NULL, min(w.position)
  LOOP
    SELECT product.product_id, best.* INTO chosen
      FROM products product
      LEFT JOIN LATERAL (
        SELECT option.item_id, option.code, option.free,
               array_agg(option.item_id) OVER () AS options
          FROM (SELECT item.item_id, warehouse.code, warehouse.priority,
                       greatest(level.on_hand + level.backorder_limit - level.safety_stock - level.held - level.allocated, 0)
                         + coalesce((p_own ->> item.item_id::text)::int, 0)
                         - coalesce((planned ->> item.item_id::text)::int, 0) AS free
                  FROM stock_items item
                  JOIN warehouses warehouse USING (warehouse_id)
                  JOIN stock_levels level USING (item_id)
                 WHERE item.product_id = product.product_id AND warehouse.status = 'active'
                   AND (wanted.warehouse IS NULL OR warehouse.code = wanted.warehouse)) option
         -- Of those that can take the line, the first by priority; if none can, the one that comes nearest.
         ORDER BY option.free >= wanted.quantity DESC,
                  CASE WHEN option.free >= wanted.quantity THEN option.priority ELSE -option.free END, option.code
         LIMIT 1) best ON true
     WHERE product.sku = wanted.sku AND product.status = 'active';

    IF chosen.item_id IS NOT NULL THEN
      candidates := candidates || chosen.options;
      has_choice := has_choice OR cardinality(chosen.options) > 1;
    END IF;
    IF chosen.free >= wanted.quantity THEN
      planned := planned || jsonb_build_object(chosen.item_id, coalesce((planned ->> chosen.item_id::text)::int, 0) + wanted.quantity);
      placed := placed || jsonb_build_object('item_id', chosen.item_id, 'sku', wanted.sku, 'warehouse', chosen.code);
    ELSE
      problems := coalesce(problems, '[]') || jsonb_build_object(
        'line', wanted.line,
        'kind', CASE WHEN wanted.quantity > 1000000 THEN 'too_large'
                     WHEN chosen.product_id IS NULL THEN 'unknown_sku'
                        WHEN chosen.item_id IS NULL AND wanted.warehouse IS NOT NULL
                             AND NOT EXISTS (SELECT FROM warehouses w WHERE w.code = wanted.warehouse AND w.status = 'active')
                        THEN 'unknown_warehouse'
                        ELSE 'short' END,
        'sku', wanted.sku, 'warehouse', wanted.warehouse, 'requested', wanted.quantity,
        'available', greatest(coalesce(chosen.free, 0), 0));
    END IF;
  END LOOP;

  candidates := ARRAY(SELECT DISTINCT unnest(candidates));
  SELECT array_agg(key::uuid ORDER BY key::uuid), array_agg(value::int ORDER BY key::uuid) INTO items, quantities FROM jsonb_each_text(planned);
  SELECT jsonb_agg(jsonb_build_object('item_id', p.item_id, 'sku', p.sku, 'warehouse', p.warehouse,
                                      'quantity', (planned ->> p.item_id::text)::int) ORDER BY p.sku, p.warehouse)
    INTO lines FROM (SELECT DISTINCT item_id, sku, warehouse FROM jsonb_to_recordset(placed) r (item_id uuid, sku text, warehouse text)) p;
END $$;
