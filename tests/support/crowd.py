"""A database whose tables are big enough for the planner to mind how it reads them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest
import pytest_asyncio

from services.inventory.accounts.model import AccountId
from tests.support.database import Database, clone_of, create_database, drop_database, open_database
from tests.support.servers import Servers

_PRODUCTS = 20_000
_STOCKED_PERCENT = 25
_ACCOUNT = "00000000-0000-7000-8000-00000000"

# The triggers and checks of the business are tested elsewhere; here they would only take time.
_SEED = """
    SET LOCAL session_replication_role = replica;
    CREATE FUNCTION pg_temp.id_of(instant timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
      SELECT overlay(gen_random_uuid()::text
                     PLACING regexp_replace(lpad(to_hex((extract(epoch FROM instant) * 1000)::bigint), 12, '0'), '(.{{8}})', '\\1-') || '-7'
                     FROM 1)::uuid
    $$;
    INSERT INTO accounts (account_id, email, full_name, role, password_hash)
    SELECT ('{account}' || lpad(n::text, 4, '0'))::uuid, n || '@example.com', 'n', 'customer', '' FROM generate_series(1, 200) n;
    INSERT INTO warehouses (warehouse_id, code, name, priority) SELECT pg_temp.id_of(now()), 'W' || n, 'W', n FROM generate_series(1, 5) n;
    INSERT INTO products (product_id, sku, name, category, attributes, price_minor, currency, status, created_at, updated_at)
    SELECT pg_temp.id_of(now() + interval '1 s' * (n - {products})),
           'SKU-' || lpad(n::text, 6, '0'), 'thing ' || md5(n::text), 'category-' || n % 20,
           jsonb_build_object('serial', n), n, 'EUR', CASE WHEN n % 50 = 0 THEN 'archived' ELSE 'active' END,
           now() + interval '1 s' * (n - {products}), now() + interval '1 s' * (n - {products})
      FROM generate_series(1, {products}) n;
    INSERT INTO stock_items (item_id, product_id, warehouse_id)
    SELECT pg_temp.id_of(now()), product_id, warehouse_id FROM products, warehouses
     WHERE code <> 'W5' AND right(sku, 2)::int < {stocked_percent};
    INSERT INTO stock_levels (item_id, on_hand) SELECT item_id, 100 FROM stock_items ORDER BY 1;
    INSERT INTO low_stock (item_id, status) SELECT item_id, 'low' FROM stock_items ORDER BY 1 LIMIT 300;
    INSERT INTO stock_movements (movement_id, item_id, delta, on_hand_after, reason, reference, actor, created_at)
    SELECT pg_temp.id_of(now() + interval '1 s' * (n - {levels})), item_id, 9, 9,
           CASE WHEN n % 500 = 0 THEN 'damage' ELSE 'receipt' END,
           'PO-' || n / 10, 'actor-' || n % 200, now() + interval '1 s' * (n - {levels})
      FROM (SELECT item_id, row_number() OVER (ORDER BY md5(item_id::text)) n FROM stock_items) s;
    INSERT INTO reservations (reservation_id, account_id, external_ref, state, created_at, expires_at, confirmed_at, closed_at)
    SELECT pg_temp.id_of(now() + interval '1 s' * (n - {products})),
           (SELECT array_agg(account_id) FROM accounts)[1 + n % 200], 'cart-' || n,
           CASE WHEN n > {products} - 100 THEN 'held' ELSE (ARRAY['fulfilled', 'confirmed', 'cancelled', 'expired'])[1 + n % 4] END,
           now() + interval '1 s' * (n - {products}),
           now() + interval '1 s' * (n - {products} + CASE WHEN n % 20 = 0 THEN 1 ELSE 600 END), NULL,
           CASE WHEN n <= {products} - 100 AND n % 4 <> 1 THEN now() END
      FROM generate_series(1, {products}) n;
    INSERT INTO reservation_lines (reservation_id, item_id, quantity)
    SELECT reservation_id, item_id, 1
      FROM (SELECT reservation_id, row_number() OVER (ORDER BY reservation_id) n FROM reservations) r
     CROSS JOIN generate_series(0, 3) k
      JOIN (SELECT item_id, row_number() OVER (ORDER BY md5(item_id::text)) n FROM stock_items) i ON i.n = r.n + k;
    INSERT INTO notifications (notification_id, event_id, kind, account_id, reservation_id, state, created_at, sent_at,
                               due_at, dead_letter_state, died_at, death_reason)
    SELECT pg_temp.id_of(created_at), n, CASE WHEN n % 500 = 0 THEN 'reservation.displaced' ELSE 'reservation.confirmed' END, account_id,
           reservation_id, state, created_at, CASE state WHEN 'sent' THEN created_at END,
           CASE state WHEN 'dead' THEN 'infinity' ELSE created_at END, CASE state WHEN 'dead' THEN 'dead' END,
           CASE state WHEN 'dead' THEN created_at END, CASE state WHEN 'dead' THEN '550' END
      FROM (SELECT *, CASE WHEN n % 700 = 0 THEN 'dead' WHEN n % 300 = 0 THEN 'queued' ELSE 'sent' END AS state
              FROM (SELECT reservation_id, account_id, created_at, row_number() OVER (ORDER BY reservation_id) n FROM reservations) r) m;
"""


def crowd_sql(products: int, *, stocked_percent: int) -> str:
    """Fill an empty database: so many of the products lie in four warehouses each, with one movement for each level.

    As many reservations as products, of four lines each. Products are a second apart, and so are reservations and movements.
    """
    levels = products * stocked_percent * 4 // 100
    return f"BEGIN; {_SEED.format(products=products, stocked_percent=stocked_percent, levels=levels, account=_ACCOUNT)}; COMMIT"


def account_of_crowd(number: int) -> AccountId:
    """One of the two hundred that have the reservations."""
    return AccountId(UUID(f"{_ACCOUNT}{number:04}"))


@pytest.fixture(scope="session")
def _crowd(servers: Servers, template: str) -> Iterator[str]:
    name = asyncio.run(create_database(servers, template))
    asyncio.run(_fill(servers, name))
    yield name
    asyncio.run(drop_database(servers, name))


@pytest_asyncio.fixture
async def crowded(servers: Servers, _crowd: str) -> AsyncIterator[Database]:
    """The crowd is gathered once; who spoils it spoils a copy."""
    async with clone_of(_crowd, servers) as clone:
        yield clone


async def _fill(servers: Servers, name: str) -> None:
    async with open_database(servers, name) as database:
        await database.do(crowd_sql(_PRODUCTS, stocked_percent=_STOCKED_PERCENT))
        await database.do("VACUUM ANALYZE")
