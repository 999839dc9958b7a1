-- The counters of every stock item, with what is available by the database's clock: units of holds whose time is over
-- count as available although nobody has released them yet. Such holds are few, so they are summed once for a query.
-- What is archived keeps its units and takes no holds.
CREATE OR REPLACE VIEW stock_now AS
SELECT item.item_id, product.sku, warehouse.code AS warehouse, level.on_hand, level.held, level.allocated,
       greatest(level.on_hand + level.backorder_limit - level.safety_stock - level.held - level.allocated
                + coalesce(due.units, 0), 0)::int AS available,
       level.safety_stock, level.backorder_limit, level.low_stock_at, level.updated_at,
       product.status = 'active' AND warehouse.status = 'active' AS takes_holds
  FROM stock_items item
  JOIN stock_levels level USING (item_id)
  JOIN products product USING (product_id)
  JOIN warehouses warehouse USING (warehouse_id)
  LEFT JOIN (SELECT line.item_id, sum(line.quantity - line.fulfilled - line.released) AS units
               FROM reservations reservation
               JOIN reservation_lines line USING (reservation_id)
              WHERE reservation.state = 'held' AND reservation.expires_at <= statement_timestamp()
              GROUP BY line.item_id) due USING (item_id);
