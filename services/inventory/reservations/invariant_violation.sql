-- Everything that must never be: counters that the reservations and the ledger do not explain. Empty when all is well.
CREATE VIEW invariant_violation AS
SELECT counter.what, level.item_id, counter.stored, counter.derived
  FROM stock_levels level
  LEFT JOIN (SELECT line.item_id,
                    sum(line.quantity - line.fulfilled - line.released) FILTER (WHERE reservation.state = 'held') AS held,
                    sum(line.quantity - line.fulfilled - line.released) FILTER (WHERE reservation.state = 'confirmed') AS allocated
               FROM reservation_lines line JOIN reservations reservation USING (reservation_id)
              GROUP BY line.item_id) promised USING (item_id)
  LEFT JOIN (SELECT item_id, sum(delta) AS on_hand FROM stock_movements GROUP BY item_id) moved USING (item_id)
 CROSS JOIN LATERAL (VALUES ('held', level.held, coalesce(promised.held, 0)),
                            ('allocated', level.allocated, coalesce(promised.allocated, 0)),
                            ('on_hand', level.on_hand, coalesce(moved.on_hand, 0))) counter (what, stored, derived)
 WHERE counter.stored <> counter.derived
UNION ALL
SELECT 'ended with open units', line.item_id, line.quantity, line.fulfilled + line.released
  FROM reservation_lines line JOIN reservations reservation USING (reservation_id)
 WHERE reservation.state IN ('fulfilled', 'cancelled', 'expired') AND line.fulfilled + line.released <> line.quantity;
