"""Stock and the ledger as lists."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, RowMapping, Select, Text, exists, func, literal, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog.model import ProductId
from services.inventory.catalog.tables import products, warehouses
from services.inventory.stock.model import ItemId, Level, MovementId, Reason
from services.inventory.stock.tables import low_stock, stock_items, stock_levels, stock_movements, stock_now
from services.runtime.paging import Order, Page, Position, Window, estimate_rows, page_of

FEW = 300  # items of a warehouse; so many looks into an index take some milliseconds
WALK_MAX = 3_000  # items that one page looks at in search of recent changes: some ten milliseconds
_BY_ITEM = Order((stock_items.c.item_id,))
_NEWEST_FIRST = Order((stock_movements.c.created_at, stock_movements.c.movement_id), is_descending=True)
_CLOCK = select(func.statement_timestamp())


@dataclass(frozen=True, slots=True)
class LevelFilters:
    """An empty sequence and None let everything through."""

    skus: Sequence[str] = ()
    warehouses: Sequence[str] = ()
    is_low: bool | None = None
    updated_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class MovementFilters:
    """None lets everything through."""

    sku: str | None = None
    warehouse: str | None = None
    reason: Reason | None = None
    reference: str | None = None
    actor: str | None = None
    moved_from: datetime | None = None
    moved_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A movement with the place that it happened in."""

    movement_id: MovementId
    item_id: ItemId
    sku: str
    warehouse: str
    delta: int
    on_hand_after: int
    reason: Reason
    reference: str | None
    reservation_id: UUID | None
    actor: str
    created_at: datetime


async def list_levels(connection: AsyncConnection, filters: LevelFilters, *, window: Window) -> tuple[Page[Level], datetime | None]:
    """Levels by item, and for what is low the instant as of which it is.

    Which items make the page is found in the cold rows, so that no index mentions what reservations change. That a level has
    changed is not indexed either: a page with `updated_since` looks at WALK_MAX items in search of them, and may hold few or
    none although there is a next one. Indexes: the primary keys, stock_items_of_a_warehouse.
    """
    as_of = (await connection.execute(_CLOCK)).scalar_one() if filters.is_low is not None else None
    if filters.updated_since is not None:
        return await _recent_levels(connection, filters, filters.updated_since, window), as_of
    walked = _walk(filters, window, window.limit + 1).subquery("walked")
    statement = select(stock_now).join(walked, walked.c.item_id == stock_now.c.item_id)
    rows = (await connection.execute(_BY_ITEM.of(stock_now.c.item_id).sort(statement, is_forward=window.is_forward))).mappings().all()
    total = await estimate_rows(connection, _items(filters)) if window.wants_total else None
    return page_of(rows, ["item_id"], _level, window=window, total_estimate=total), as_of


async def list_movements(connection: AsyncConnection, filters: MovementFilters, *, window: Window) -> Page[LedgerEntry]:
    """Movements that pass every filter, newest first by the database's clock.

    Indexes: stock_movements_by_time and its sisters, one for each filter.
    """
    by_item = await are_few(connection, filters.sku, filters.warehouse)
    walked = _walk_ledger(filters, window, by_item=by_item).subquery("walked")
    statement = (
        select(walked, products.c.sku, warehouses.c.code.label("warehouse"))
        .join(stock_items, stock_items.c.item_id == walked.c.item_id)
        .join(products, products.c.product_id == stock_items.c.product_id)
        .join(warehouses, warehouses.c.warehouse_id == stock_items.c.warehouse_id)
    )
    in_order = _NEWEST_FIRST.of(walked.c.created_at, walked.c.movement_id).sort(statement, is_forward=window.is_forward)
    rows = (await connection.execute(in_order)).mappings().all()
    total = await estimate_rows(connection, _passing(filters)) if window.wants_total else None
    return page_of(rows, ["created_at", "movement_id"], _entry, window=window, total_estimate=total)


async def are_few(connection: AsyncConnection, sku: str | None, warehouse: str | None) -> bool:
    """Whether what happens to such items is read item by item: of a product, or of a warehouse where little lies."""
    if sku is not None or warehouse is None:
        return sku is not None
    some = few_items(None, warehouse).subquery("some")
    count: int = (await connection.execute(select(func.count()).select_from(some))).scalar_one()
    return count <= FEW


def few_items(sku: str | None, warehouse: str | None) -> Select[tuple[UUID]]:
    """The items of a product, in one warehouse if that is named, or those of a warehouse where little lies."""
    filters = LevelFilters((sku,) if sku is not None else (), (warehouse,) if warehouse is not None else ())
    # In order and with a limit, which leaves the planner no reason to look anywhere but in the warehouse's index.
    return _items(filters) if sku is not None else _walk(filters, Window(), FEW + 1)


async def items_of_product(connection: AsyncConnection, product_id: ProductId) -> Sequence[ItemId]:
    """Every stock item of the product."""
    return list((await connection.execute(select(stock_items.c.item_id).where(stock_items.c.product_id == product_id))).scalars())


async def _recent_levels(connection: AsyncConnection, filters: LevelFilters, since: datetime, window: Window) -> Page[Level]:
    walked = _walk(filters, window, WALK_MAX).subquery("walked")
    # OFFSET 0 keeps the planner from reading the whole table in search of what was changed, instead of these rows.
    level = select(stock_levels.c.updated_at).where(stock_levels.c.item_id == walked.c.item_id).offset(0).lateral("level")
    seen = select(walked.c.item_id, level.c.updated_at).select_from(walked.join(level, true())).cte("seen")
    is_recent = seen.c.updated_at >= since
    farthest = select(seen.c.item_id).order_by(seen.c.item_id.desc() if window.is_forward else seen.c.item_id.asc()).limit(1)
    count = select(func.count()).select_from(seen).scalar_subquery()
    found = select(seen.c.item_id, is_recent.label("is_recent"), count.label("walked")).where(
        is_recent | (seen.c.item_id == farthest.scalar_subquery())
    )
    # One more than a page, and the last item that was looked at, from which the next page goes on.
    page = _BY_ITEM.of(seen.c.item_id).sort(found, is_forward=window.is_forward).limit(window.limit + 2).subquery("page")
    statement = select(stock_now, page.c.is_recent, page.c.walked).join(page, page.c.item_id == stock_now.c.item_id)
    rows = (await connection.execute(_BY_ITEM.of(stock_now.c.item_id).sort(statement, is_forward=window.is_forward))).mappings().all()
    total = (
        await estimate_rows(connection, _items(filters).join(stock_levels).where(stock_levels.c.updated_at >= since))
        if window.wants_total
        else None
    )
    recent = [row for row in rows if row["is_recent"]][: window.limit + 1]
    return _going_on(page_of(recent, ["item_id"], _level, window=window, total_estimate=total), recent, rows, window)


def _going_on(page: Page[Level], recent: Sequence[RowMapping], rows: Sequence[RowMapping], window: Window) -> Page[Level]:
    """The page, whose neighbour on the far side begins behind the last item that was looked at if it ends before the list does.

    An empty page has no item to go back from; it goes back from where it began, the item there included.
    """
    if not recent and window.position is not None:
        beside = UUID(str(window.position.keys[0])).int + (1 if window.is_forward else -1)
        page = _with_edge(page, Position((UUID(int=beside),), not window.is_forward))
    if len(recent) > window.limit or not rows or rows[0]["walked"] < WALK_MAX:
        return page
    return _with_edge(page, Position((rows[-1]["item_id"],), window.is_forward))


def _with_edge(page: Page[Level], edge: Position) -> Page[Level]:
    return replace(page, next=edge) if edge.is_forward else replace(page, previous=edge)


def _walk(filters: LevelFilters, window: Window, rows: int) -> Select[tuple[UUID]]:
    """The next items, in reading order, whose levels may be on the page."""
    if not filters.warehouses or filters.skus or filters.is_low:
        return _BY_ITEM.cut(_items(filters), window, rows=rows)
    # So many items of each warehouse, merged: a filter over all items would search long for a small warehouse.
    places = _places(filters.warehouses).subquery("places")
    of_place = _items(replace(filters, warehouses=())).where(stock_items.c.warehouse_id == places.c.warehouse_id)
    branch = _BY_ITEM.cut(of_place, window, rows=rows).lateral("branch")
    return _BY_ITEM.of(branch.c.item_id).cut(select(branch.c.item_id).select_from(places.join(branch, true())), window, rows=rows)


def _items(filters: LevelFilters) -> Select[tuple[UUID]]:
    statement = select(stock_items.c.item_id)
    if filters.skus:
        named = select(products.c.product_id).where(products.c.sku == _any(filters.skus))
        statement = statement.where(stock_items.c.product_id.in_(named))
    if filters.warehouses:
        statement = statement.where(stock_items.c.warehouse_id.in_(_places(filters.warehouses)))
    if filters.is_low is not None:
        is_low = exists().where(low_stock.c.item_id == stock_items.c.item_id)
        statement = statement.where(is_low if filters.is_low else ~is_low)
    return statement


def _places(codes: Sequence[str]) -> Select[tuple[UUID]]:
    return select(warehouses.c.warehouse_id).where(warehouses.c.code == _any(codes))


def _any(texts: Sequence[str]) -> ColumnElement[str]:
    return func.any(literal(list(texts), ARRAY(Text)))


def _walk_ledger(filters: MovementFilters, window: Window, *, by_item: bool) -> Select[tuple[object, ...]]:
    """The next movements in reading order."""
    if not by_item:
        return _NEWEST_FIRST.cut(_passing(filters), window)
    # So many movements of each item, merged: a filter over the ledger would search long for what seldom moves.
    items = few_items(filters.sku, filters.warehouse).subquery("items")
    of_item = _passing(replace(filters, sku=None, warehouse=None)).where(stock_movements.c.item_id == items.c.item_id)
    branch = _NEWEST_FIRST.cut(of_item, window).lateral("branch")
    merged = select(branch).select_from(items.join(branch, true()))
    return _NEWEST_FIRST.of(branch.c.created_at, branch.c.movement_id).cut(merged, window)


def _places_of(filters: MovementFilters) -> Select[tuple[UUID]]:
    return _items(
        LevelFilters((filters.sku,) if filters.sku is not None else (), (filters.warehouse,) if filters.warehouse is not None else ())
    )


def _passing(filters: MovementFilters) -> Select[tuple[object, ...]]:
    statement = select(stock_movements)
    if filters.sku is not None or filters.warehouse is not None:
        statement = statement.where(stock_movements.c.item_id.in_(_places_of(filters)))
    if filters.reason is not None:
        statement = statement.where(stock_movements.c.reason == filters.reason.value)
    if filters.reference is not None:
        statement = statement.where(stock_movements.c.reference == filters.reference)
    if filters.actor is not None:
        statement = statement.where(stock_movements.c.actor == filters.actor)
    if filters.moved_from is not None:
        statement = statement.where(stock_movements.c.created_at >= filters.moved_from)
    if filters.moved_before is not None:
        statement = statement.where(stock_movements.c.created_at < filters.moved_before)
    return statement


def _level(row: RowMapping) -> Level:
    return Level(**{field.name: row[field.name] for field in fields(Level)})


def _entry(row: RowMapping) -> LedgerEntry:
    return LedgerEntry(**{field.name: row[field.name] for field in fields(LedgerEntry)} | {"reason": Reason(row["reason"])})
