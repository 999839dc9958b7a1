"""Without these, a visitor finds an empty shop, or one whose numbers do not add up."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from deploy.local.credentials import ROLES, Credentials, Login
from deploy.local.seed import seed
from services.worker.subscriptions import SUBSCRIPTIONS
from tests.support.database import Database, create_database, drop_database, open_database
from tests.support.invariants import assert_invariants
from tests.support.servers import Servers
from tests.support.settings import Where, settings

CREDENTIALS = Credentials(*(Login(f"{role}@holdfast.example", f"password of {role}") for role in ROLES))
TABLES = (
    "accounts",
    "products",
    "warehouses",
    "stock_items",
    "stock_levels",
    "stock_movements",
    "reservations",
    "reservation_lines",
    "outbox",
)
SOON = timedelta(seconds=30)


async def seed_into(database: Database) -> None:
    await seed(settings(Where(database_url=database.url)), CREDENTIALS)


@pytest.fixture(scope="module")
def seeded(servers: Servers, template: str) -> Iterator[str]:
    """The name of a database with the demo data, which these tests only read."""
    name = asyncio.run(create_database(servers, template))
    asyncio.run(_seed(servers, name))
    yield name
    asyncio.run(drop_database(servers, name))


async def _seed(servers: Servers, name: str) -> None:
    async with open_database(servers, name) as database:
        await seed_into(database)


@pytest_asyncio.fixture
async def demo(servers: Servers, seeded: str) -> AsyncIterator[Database]:
    async with open_database(servers, seeded) as database:
        yield database


def _made_at(uuid7: UUID) -> datetime:
    return datetime.fromtimestamp((uuid7.int >> 80) / 1_000, UTC)


async def contents(database: Database) -> dict[str, list[tuple[str]]]:
    return {table: await database.rows(f"SELECT row::text FROM {table} row ORDER BY 1") for table in TABLES}  # noqa: S608


async def test_counters_ledger_and_outbox_of_the_demo_agree(demo: Database) -> None:
    await assert_invariants(demo)


async def test_a_second_seed_changes_nothing(demo: Database) -> None:
    before = await contents(demo)

    await seed_into(demo)

    assert await contents(demo) == before


async def test_a_seed_that_fails_leaves_no_half_of_a_shop(database: Database) -> None:
    await database.do("ALTER TABLE reservations ADD CONSTRAINT nobody_may_fulfil CHECK (state <> 'fulfilled')")

    with pytest.raises(Exception, match="nobody_may_fulfil"):
        await seed_into(database)

    assert await database.rows("SELECT (SELECT count(*) FROM products), (SELECT count(*) FROM reservations)") == [(0, 0)]


async def test_there_are_hundreds_of_products_in_many_categories(demo: Database) -> None:
    [(products, categories, described)] = await demo.rows("SELECT count(*), count(DISTINCT category), count(description) FROM products")

    assert 250 < products < 400
    assert categories >= 8
    assert described == products


async def test_orders_are_in_every_state(demo: Database) -> None:
    states = dict(await demo.rows("SELECT state, count(*) FROM reservation_now GROUP BY state"))
    reasons = {reason for (reason,) in await demo.rows("SELECT DISTINCT close_reason FROM reservations WHERE state = 'cancelled'")}
    partly = "SELECT 1 FROM reservation_lines JOIN reservations USING (reservation_id) WHERE state = 'confirmed' AND fulfilled > 0"

    assert states.keys() == {"held", "confirmed", "fulfilled", "cancelled", "expired"}
    assert sum(states.values()) >= 36
    assert {"displaced", "cancelled"} < reasons
    assert await demo.rows(partly)


async def test_some_goods_are_low_sold_out_backordered_kept_back_or_archived(demo: Database) -> None:
    low = dict(await demo.rows("SELECT status, count(*) FROM low_stock GROUP BY status"))

    assert low.keys() == {"low", "out"}
    for which in ("backorder_limit > 0", "safety_stock > 0", "allocated > on_hand"):
        assert await demo.rows(f"SELECT 1 FROM stock_levels WHERE {which}"), which  # noqa: S608
    assert await demo.rows("SELECT count(*) FROM products WHERE status = 'archived'") == [(2,)]
    assert await demo.rows("SELECT code, status FROM warehouses ORDER BY code") == [
        ("AMS", "active"),
        ("BER", "active"),
        ("LIS", "active"),
        ("OSL", "archived"),
    ]


@pytest.mark.parametrize(
    ("sku", "in_amsterdam", "in_berlin"), [("TEE-M", 200, 60), ("MUG", 250, 90), ("CAP-WOOL", 45, 0), ("LAMP", 1, 0), ("POSTER-A2", 0, 0)]
)
async def test_what_examples_order_is_there_and_promised_to_nobody(demo: Database, sku: str, in_amsterdam: int, in_berlin: int) -> None:
    rows = await demo.rows("SELECT warehouse, available, held + allocated FROM stock_now WHERE sku = $1 ORDER BY warehouse", sku)

    assert rows == [("AMS", in_amsterdam, 0), ("BER", in_berlin, 0)]


async def test_holds_last_long_enough_to_be_looked_at_and_the_expired_are_past_their_time(demo: Database) -> None:
    holds = "SELECT count(*) FROM reservations WHERE state = 'held' AND expires_at < now() + interval '90 minutes'"
    living = "SELECT count(*) FROM reservations WHERE state = 'expired' AND expires_at > closed_at"

    assert await demo.rows(holds) == [(0,)]
    assert await demo.rows(living) == [(0,)]


async def test_the_id_of_an_order_is_as_old_as_the_order_so_that_lists_are_in_its_order(demo: Database) -> None:
    placed = await demo.rows("SELECT reservation_id, created_at FROM reservations")

    assert {abs(created_at - _made_at(reservation_id)) < SOON for reservation_id, created_at in placed} == {True}


async def test_of_every_kind_of_mail_a_few_are_owed_and_no_more(demo: Database) -> None:
    told_of = [name for name, reactions in SUBSCRIPTIONS.items() if reactions]
    owed = dict(await demo.rows("SELECT name, count(*) FROM outbox WHERE done_at IS NULL AND name = ANY ($1) GROUP BY name", told_of))

    assert owed.keys() == {name for name in told_of if name.startswith("reservation.") and name != "reservation.expiring"}
    assert sum(owed.values()) < 10
