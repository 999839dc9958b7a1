"""Without these, a list that is quick on a laptop reads a million rows in production."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.inventory.catalog.listing import ProductFilters, list_products
from services.inventory.catalog.model import ProductSort, Status
from services.inventory.catalog.reading import read_products
from services.inventory.notifications.listing import NotificationFilters, list_dead_letters, list_notifications
from services.inventory.notifications.model import DeadLetterState, NotificationState
from services.inventory.reservations.listing import ReservationFilters, list_reservations
from services.inventory.reservations.model import ReservationId, State
from services.inventory.stock.listing import LevelFilters, MovementFilters, list_levels, list_movements
from services.inventory.stock.model import Reason
from services.runtime.direct import within
from services.runtime.paging import LIMIT_DEFAULT, Page, Window
from tests.support.crowd import account_of_crowd
from tests.support.database import Database

_BIG = {"products", "stock_items", "stock_levels", "stock_movements", "reservations", "reservation_lines", "notifications"}
_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
_MINUTE_AGO = datetime.now(UTC) - timedelta(minutes=1)
_HALF_A_DAY_AGO = datetime.now(UTC) - timedelta(hours=12)
_DAYS_AGO = datetime.now(UTC) - timedelta(days=2)
_YEAR_AGO = datetime.now(UTC) - timedelta(days=365)

List = Callable[[AsyncConnection, Window], Awaitable[Page[Any]]]
Statements = list[tuple[str, Any]]


def _products(sort: ProductSort | None = None, **filters: Any) -> List:
    return lambda connection, window: list_products(connection, ProductFilters(**filters), sort, window=window)


def _all_products(sort: ProductSort, status: Status = Status.ACTIVE) -> List:
    async def listed(connection: AsyncConnection, window: Window) -> Page[Any]:
        return await read_products(await within(connection), status, sort, window=window)

    return listed


def _levels(**filters: Any) -> List:
    async def listed(connection: AsyncConnection, window: Window) -> Page[Any]:
        return (await list_levels(connection, LevelFilters(**filters), window=window))[0]

    return listed


def _movements(**filters: Any) -> List:
    return lambda connection, window: list_movements(connection, MovementFilters(**filters), window=window)


def _reservations(**filters: Any) -> List:
    return lambda connection, window: list_reservations(connection, ReservationFilters(**filters), window=window)


def _notifications(**filters: Any) -> List:
    return lambda connection, window: list_notifications(connection, NotificationFilters(**filters), window=window)


def _dead_letters(state: DeadLetterState) -> List:
    return lambda connection, window: list_dead_letters(connection, state, window=window)


LISTS: Mapping[str, List] = {
    **{f"products by {sort}": _products(sort) for sort in ProductSort},
    "products of a category": _products(category="category-7"),
    "products of a category by price": _products(ProductSort.PRICE, category="category-7"),
    "products of a category by creation": _products(ProductSort.CREATION, category="category-7"),
    "products of no category": _products(ProductSort.NAME, category="none"),
    "products with a text": _products(q="9f1"),
    "products with a text that is nowhere": _products(q="thnig"),
    "products with two letters": _products(q="9f"),
    "products with two letters that are nowhere": _products(q="zq"),
    "products with a letter that is everywhere": _products(q="s"),
    "products with a letter that is nowhere": _products(q="z"),
    "products with an attribute": _products(attributes={"serial": "77"}),
    "products in a span of prices": _products(price_gte=500, price_lte=510),
    "products above a price by sku": _products(ProductSort.SKU, price_gte=200_000),
    "products updated lately": _products(updated_since=_MINUTE_AGO),
    "products updated since yesterday by sku": _products(ProductSort.SKU, updated_since=_HALF_A_DAY_AGO),
    "products updated ever by sku": _products(ProductSort.SKU, updated_since=_YEAR_AGO),
    "levels": _levels(),
    "levels of a warehouse": _levels(warehouses=["W2"]),
    "levels of several warehouses": _levels(warehouses=["W2", "W5"]),
    "levels of an empty warehouse": _levels(warehouses=["W5"]),
    "levels of skus": _levels(skus=["SKU-000101", "SKU-000102"]),
    "levels of a sku in a warehouse": _levels(skus=["SKU-000101"], warehouses=["W3"]),
    "low levels": _levels(is_low=True),
    "levels that are not low": _levels(is_low=False),
    "levels updated lately": _levels(updated_since=_MINUTE_AGO),
    "movements": _movements(),
    "movements of a sku": _movements(sku="SKU-000101"),
    "movements in a warehouse": _movements(warehouse="W2"),
    "movements in an empty warehouse": _movements(warehouse="W5"),
    "movements for a reason": _movements(reason=Reason.DAMAGE),
    "movements for a reference": _movements(reference="PO-17"),
    "movements by an actor": _movements(actor="actor-17"),
    "movements in a span of time": _movements(moved_from=_HOUR_AGO, moved_before=_HOUR_AGO + timedelta(minutes=5)),
    "reservations": _reservations(),
    "reservations of an account": _reservations(account_id=account_of_crowd(17)),
    "expired reservations of an account": _reservations(account_id=account_of_crowd(17), state=State.EXPIRED),
    "live reservations": _reservations(state=State.HELD),
    "confirmed reservations": _reservations(state=State.CONFIRMED),
    "expired reservations": _reservations(state=State.EXPIRED),
    "reservations with a reference": _reservations(external_ref="cart-77"),
    "reservations of a sku": _reservations(sku="SKU-000101"),
    "reservations in a warehouse": _reservations(warehouse="W2"),
    "reservations in an empty warehouse": _reservations(warehouse="W5"),
    "reservations made lately": _reservations(created_after=_MINUTE_AGO),
    "reservations that end later": _reservations(expires_after=_MINUTE_AGO),
    "reservations that ended": _reservations(expires_before=_HOUR_AGO),
    "reservations that ended long ago": _reservations(expires_before=_DAYS_AGO),
    "notifications": _notifications(),
    "notifications of an account": _notifications(account_id=account_of_crowd(17)),
    "sent notifications of an account": _notifications(account_id=account_of_crowd(17), state=NotificationState.SENT),
    "notifications of a kind": _notifications(kind="reservation.displaced"),
    "notifications of a kind that is nowhere": _notifications(kind="reservation.gift_wrapped"),
    "sent notifications": _notifications(state=NotificationState.SENT),
    "notifications that wait": _notifications(state=NotificationState.QUEUED),
    "notifications that are being sent": _notifications(state=NotificationState.SENDING),
    "dead notifications": _notifications(state=NotificationState.DEAD),
    "notifications about a reservation": _notifications(reservation_id=ReservationId(UUID(int=7))),
    **{f"dead letters that are {state}": _dead_letters(state) for state in DeadLetterState},
}


# By the driver itself, which makes no estimates.
WRITTEN: Mapping[str, List] = {
    **{f"all products by {sort}": _all_products(sort) for sort in ProductSort},
    "archived products": _all_products(ProductSort.NAME, Status.ARCHIVED),
}


@asynccontextmanager
async def _recording(database: Database) -> AsyncIterator[tuple[AsyncConnection, Statements]]:
    """A connection, and every statement that is executed on it, by SQLAlchemy or by the driver itself."""
    engine = create_async_engine(database.url.replace("postgresql:", "postgresql+asyncpg:"), json_deserializer=orjson.loads)
    executed: Statements = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *call: executed.append((call[2], call[3])))
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL search_path = public"))  # begins the transaction
        executed.clear()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_query_logger(lambda said: executed.append((said.query, tuple(said.args))) if said.query.startswith("SELECT") else None)
        yield connection, executed
    await engine.dispose()


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


async def _plans(connection: AsyncConnection, statements: Statements) -> list[Mapping[str, Any]]:
    """Every node of the plans of what was executed."""
    found: list[Mapping[str, Any]] = []
    for statement, parameters in statements:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            [plan] = (await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)).scalar_one()
            found += _nodes(plan["Plan"])
    return found


async def _whole_tables_read(connection: AsyncConnection, statements: Statements) -> set[str]:
    return {node["Relation Name"] for node in await _plans(connection, statements) if "Seq Scan" in node["Node Type"]} & _BIG


async def _faults(database: Database, lists: Mapping[str, List], *, limit: int = 5) -> dict[str, set[str]]:
    """The lists that read a big table from end to end, on their first page, the next one, or on the way back."""
    faults = {}
    for name, listed in lists.items():
        async with _recording(database) as (connection, executed):
            first = await listed(connection, Window(limit=limit))
            second = await listed(connection, Window(first.next, limit)) if first.next is not None else None
            if second is not None and second.previous is not None:
                await listed(connection, Window(second.previous, limit))
            if read := await _whole_tables_read(connection, executed[:]):
                faults[name] = read
    return faults


async def test_no_list_reads_a_big_table_from_end_to_end(crowded: Database) -> None:
    assert await _faults(crowded, {**LISTS, **WRITTEN}) == {}
    assert await _faults(crowded, WRITTEN, limit=LIMIT_DEFAULT) == {}  # whose length is part of the statement


async def test_a_list_without_its_index_is_noticed(crowded: Database) -> None:
    names = ("products with a text that is nowhere", "products with two letters", "reservations with a reference")
    lists = {name: LISTS[name] for name in names}
    await crowded.do("DROP INDEX products_by_words, products_by_letters, reservations_with_a_reference")

    assert (await _faults(crowded, lists)).keys() == lists.keys()


async def test_products_that_are_passed_over_are_not_looked_at(crowded: Database) -> None:
    async with _recording(crowded) as (connection, executed):
        await LISTS["products updated since yesterday by sku"](connection, Window())
        walks = {node["Index Name"] for node in await _plans(connection, executed[:]) if node["Node Type"] == "Index Only Scan"}

    assert walks == {"products_by_sku"}


async def test_a_page_costs_the_same_queries_whatever_is_on_it(crowded: Database) -> None:
    for name, listed in LISTS.items():
        counts = []
        for window in (Window(limit=1), Window(limit=200), Window(limit=200, wants_total=True)):
            async with _recording(crowded) as (connection, executed):
                await listed(connection, window)
                counts.append(len(executed))
        assert counts[0] == counts[1] == counts[2] - 1 <= 4, name


async def test_no_index_mentions_what_a_reservation_changes_in_a_level(database: Database) -> None:
    rows = await database.rows("SELECT indexdef FROM pg_indexes WHERE tablename = 'stock_levels'")

    assert [definition.partition(" USING ")[2] for (definition,) in rows] == ["btree (item_id)"]
