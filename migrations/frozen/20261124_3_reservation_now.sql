-- Reservations as they are at the start of the statement that reads them: a hold whose time is over reads as expired
-- although nobody has ended it yet. Under a lock, read in a statement of its own: what is read together with the lock may
-- be older than the lock.
CREATE VIEW reservation_now AS
SELECT reservation.reservation_id, reservation.account_id, reservation.external_ref,
       CASE WHEN reservation.state = 'held' AND reservation.expires_at <= statement_timestamp() THEN 'expired'
            ELSE reservation.state END AS state,
       (SELECT jsonb_agg(jsonb_build_object('item_id', line.item_id, 'sku', product.sku, 'warehouse', warehouse.code,
                                            'quantity', line.quantity, 'fulfilled', line.fulfilled, 'released', line.released)
                         ORDER BY product.sku, warehouse.code)
          FROM reservation_lines line
          JOIN stock_items item USING (item_id)
          JOIN products product USING (product_id)
          JOIN warehouses warehouse USING (warehouse_id)
         WHERE line.reservation_id = reservation.reservation_id) AS lines,
       reservation.created_at, reservation.expires_at, reservation.confirmed_at, reservation.closed_at, reservation.close_reason,
       reservation.version, reservation.metadata, statement_timestamp() AS read_at
  FROM reservations reservation;
