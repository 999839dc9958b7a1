"""Tables that are big enough for the planner to mind how it reads them."""

from tests.support.database import Database

ROWS = 20_000  # of each; products a quarter of it, each in four warehouses

# The triggers and checks of the business are tested elsewhere; here they would only take time.
_SEED = f"""
    SET LOCAL session_replication_role = replica;
    INSERT INTO accounts (account_id, email, full_name, role, password_hash)
    SELECT uuidv7(), n || '@example.com', 'n', 'customer', '' FROM generate_series(1, 200) n;
    INSERT INTO warehouses (warehouse_id, code, name, priority) SELECT uuidv7(), 'W' || n, 'W', n FROM generate_series(1, 5) n;
    INSERT INTO products (product_id, sku, name, category, attributes, price_minor, currency, status, created_at, updated_at)
    SELECT uuidv7(interval '1 s' * (n - {ROWS})), 'SKU-' || lpad(n::text, 6, '0'), 'thing ' || md5(n::text), 'category-' || n % 20,
           jsonb_build_object('serial', n), n, 'EUR', CASE WHEN n % 50 = 0 THEN 'archived' ELSE 'active' END,
           now() + interval '1 s' * (n - {ROWS}), now() + interval '1 s' * (n - {ROWS})
      FROM generate_series(1, {ROWS}) n;
    INSERT INTO stock_items (item_id, product_id, warehouse_id)
    SELECT uuidv7(), product_id, warehouse_id FROM products, warehouses WHERE code <> 'W5' AND right(sku, 2) < '25';
    INSERT INTO stock_levels (item_id, on_hand) SELECT item_id, 100 FROM stock_items ORDER BY 1;
    INSERT INTO low_stock (item_id, status) SELECT item_id, 'low' FROM stock_items ORDER BY 1 LIMIT 300;
    INSERT INTO stock_movements (movement_id, item_id, delta, on_hand_after, reason, reference, actor, created_at)
    SELECT uuidv7(interval '1 s' * (n - {ROWS})), item_id, 9, 9, CASE WHEN n % 500 = 0 THEN 'damage' ELSE 'receipt' END, 'PO-' || n / 10,
           'actor-' || n % 200, now() + interval '1 s' * (n - {ROWS})
      FROM (SELECT item_id, row_number() OVER (ORDER BY md5(item_id::text)) n FROM stock_items) s;
    INSERT INTO reservations (reservation_id, account_id, external_ref, state, created_at, expires_at, confirmed_at, closed_at)
    SELECT uuidv7(interval '1 s' * (n - {ROWS})), (SELECT array_agg(account_id) FROM accounts)[1 + n % 200], 'cart-' || n,
           CASE WHEN n > {ROWS} - 100 THEN 'held' ELSE (ARRAY['fulfilled', 'confirmed', 'cancelled', 'expired'])[1 + n % 4] END,
           now() + interval '1 s' * (n - {ROWS}), now() + interval '1 s' * (n - {ROWS} + CASE WHEN n % 20 = 0 THEN 1 ELSE 600 END), NULL,
           CASE WHEN n <= {ROWS} - 100 AND n % 4 <> 1 THEN now() END
      FROM generate_series(1, {ROWS}) n;
    INSERT INTO reservation_lines (reservation_id, item_id, quantity)
    SELECT reservation_id, item_id, 1
      FROM (SELECT reservation_id, row_number() OVER (ORDER BY reservation_id) n FROM reservations) r
      JOIN (SELECT item_id, row_number() OVER (ORDER BY md5(item_id::text)) n FROM stock_items) i ON i.n BETWEEN r.n AND r.n + 3;
"""  # noqa: S608  # the only value is a number of ours


async def crowd(database: Database) -> None:
    """Fill the database, and let the planner know."""
    await database.do(f"BEGIN; {_SEED}; COMMIT")
    await database.do("VACUUM ANALYZE")
