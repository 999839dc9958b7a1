"""Reservations as a list, and whether any is left that waits for a product or a warehouse."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, true, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import AccountId
from services.inventory.catalog.model import ProductId, WarehouseId
from services.inventory.catalog.tables import products, warehouses
from services.inventory.reservations.facts import reservation_of
from services.inventory.reservations.model import LIFE_SECONDS_MAX, Reservation, State
from services.inventory.reservations.tables import reservation_lines, reservation_now, reservations
from services.inventory.stock.listing import are_few, few_items
from services.inventory.stock.tables import stock_items, stock_levels
from services.runtime.paging import Order, Page, Window, estimate_rows, page_of

CLOCKS_APART_SECONDS_MAX = 3_600  # an id has the time of the machine that made it, everything else the database's
_NEWEST_FIRST = Order((reservations.c.reservation_id,), is_descending=True)
# By the database's clock: what is due has expired, whether or not anybody has ended it.
_is_due = reservations.c.expires_at <= func.statement_timestamp()
_is_held = reservations.c.state == State.HELD.value


@dataclass(frozen=True, slots=True)
class ReservationFilters:
    """None lets everything through."""

    account_id: AccountId | None = None
    state: State | None = None
    external_ref: str | None = None
    sku: str | None = None
    warehouse: str | None = None
    expires_before: datetime | None = None
    expires_after: datetime | None = None
    created_after: datetime | None = None


async def list_reservations(connection: AsyncConnection, filters: ReservationFilters, *, window: Window) -> Page[Reservation]:
    """Reservations that pass every filter, newest first, each as it is by the database's clock.

    One query, and one more for a warehouse. Indexes: reservations_of_an_account, reservations_in_a_state, reservations_with_a_reference,
    reservations_due, reservations_by_time, reservation_lines_of_an_item.
    """
    by_item = await are_few(connection, filters.sku, filters.warehouse)
    walked = _walk(filters, window, by_item=by_item).subquery("walked")
    statement = select(reservation_now).join(walked, walked.c.reservation_id == reservation_now.c.reservation_id)
    in_order = _NEWEST_FIRST.of(reservation_now.c.reservation_id).sort(statement, is_forward=window.is_forward)
    rows = (await connection.execute(in_order)).mappings().all()
    total = await estimate_rows(connection, _passing(filters)) if window.wants_total else None
    return page_of(rows, ["reservation_id"], reservation_of, window=window, total_estimate=total)


async def has_open_units_of(connection: AsyncConnection, product_id: ProductId) -> bool:
    """Whether a live hold or a confirmed reservation waits for units of the product. Exact if its levels are locked."""
    return await _has_open_units(connection, stock_items.c.product_id == product_id)


async def has_open_units_in(connection: AsyncConnection, warehouse_id: WarehouseId) -> bool:
    """Whether a live hold or a confirmed reservation waits for units in the warehouse."""
    return await _has_open_units(connection, stock_items.c.warehouse_id == warehouse_id)


async def _has_open_units(connection: AsyncConnection, which: ColumnElement[bool]) -> bool:
    """The counters tell, less the units of holds whose time is over."""
    due = (
        select(reservation_lines.c.item_id, func.sum(reservation_lines.c.quantity).label("units"))
        .join(reservations, reservations.c.reservation_id == reservation_lines.c.reservation_id)
        .where(_is_held, _is_due)
        .group_by(reservation_lines.c.item_id)
        .subquery("due")
    )
    is_open = or_(stock_levels.c.allocated > 0, stock_levels.c.held > func.coalesce(due.c.units, 0))
    waiting = (
        select(stock_items.c.item_id)
        .join(stock_levels, stock_levels.c.item_id == stock_items.c.item_id)
        .outerjoin(due, due.c.item_id == stock_items.c.item_id)
        .where(which, is_open)
    )
    found: bool = (await connection.execute(select(waiting.exists()))).scalar_one()
    return found


def _walk(filters: ReservationFilters, window: Window, *, by_item: bool) -> Select[tuple[object, ...]]:
    """The next reservations in reading order."""
    if by_item:
        return _walk_items(filters, window)
    if filters.state is not State.EXPIRED:
        return _NEWEST_FIRST.cut(_passing(filters), window)
    # Those that were ended and those that are due, merged: each is in order in the index of its state.
    rest = _passing(replace(filters, state=None))
    ended = _NEWEST_FIRST.cut(rest.where(reservations.c.state == State.EXPIRED.value), window)
    due = _NEWEST_FIRST.cut(rest.where(_is_held, _is_due), window)
    merged = union_all(ended, due).subquery("merged")
    return _NEWEST_FIRST.of(merged.c.reservation_id).cut(select(merged), window)


def _walk_items(filters: ReservationFilters, window: Window) -> Select[tuple[object, ...]]:
    """So many reservations of each item, merged: one that has two of them is listed once."""
    items = few_items(filters.sku, filters.warehouse).subquery("items")
    of_item = (
        _passing(replace(filters, sku=None, warehouse=None))
        .join(reservation_lines, reservation_lines.c.reservation_id == reservations.c.reservation_id)
        .where(reservation_lines.c.item_id == items.c.item_id)
    )
    # By the line's copy of the id, which its index holds in order.
    branch = _NEWEST_FIRST.of(reservation_lines.c.reservation_id).cut(of_item, window).lateral("branch")
    merged = select(branch.c.reservation_id).select_from(items.join(branch, true())).distinct()
    return _NEWEST_FIRST.of(branch.c.reservation_id).cut(merged, window)


def _passing(filters: ReservationFilters) -> Select[tuple[object, ...]]:
    conditions = [
        reservations.c.account_id == filters.account_id if filters.account_id is not None else None,
        reservations.c.external_ref == filters.external_ref if filters.external_ref is not None else None,
        _ended_before(filters.expires_before) if filters.expires_before is not None else None,
        _ends_after(filters.expires_after) if filters.expires_after is not None else None,
        _made_after(filters.created_after) if filters.created_after is not None else None,
        _in_state(filters.state) if filters.state is not None else None,
        _has_line(filters) if filters.sku is not None or filters.warehouse is not None else None,
    ]
    return select(reservations.c.reservation_id).where(*(condition for condition in conditions if condition is not None))


# The list is in the order of ids, and an id begins with the time at which it was made. So a search for what is old begins
# where that is, and a search for what is new ends there, without an index of any instant.
def _ended_before(instant: datetime) -> ColumnElement[bool]:
    return and_(reservations.c.expires_at < instant, reservations.c.reservation_id < _first_id(instant, CLOCKS_APART_SECONDS_MAX))


def _ends_after(instant: datetime) -> ColumnElement[bool]:
    earliest = -LIFE_SECONDS_MAX - CLOCKS_APART_SECONDS_MAX
    return and_(reservations.c.expires_at > instant, reservations.c.reservation_id >= _first_id(instant, earliest))


def _made_after(instant: datetime) -> ColumnElement[bool]:
    return and_(reservations.c.created_at > instant, reservations.c.reservation_id >= _first_id(instant, -CLOCKS_APART_SECONDS_MAX))


def _first_id(instant: datetime, seconds_later: int) -> UUID:
    """The lowest id that can be made so long after the instant."""
    milliseconds = int((instant.timestamp() + seconds_later) * 1_000)
    return UUID(int=max(milliseconds, 0) << 80)


def _in_state(state: State) -> ColumnElement[bool]:
    if state is State.HELD:
        return and_(_is_held, ~_is_due)
    is_so = reservations.c.state == state.value
    return or_(is_so, and_(_is_held, _is_due)) if state is State.EXPIRED else is_so


def _has_line(filters: ReservationFilters) -> ColumnElement[bool]:
    return exists().where(
        reservation_lines.c.reservation_id == reservations.c.reservation_id, reservation_lines.c.item_id.in_(_items(filters))
    )


def _items(filters: ReservationFilters) -> Select[tuple[object, ...]]:
    statement = select(stock_items.c.item_id)
    if filters.sku is not None:
        statement = statement.where(stock_items.c.product_id.in_(select(products.c.product_id).where(products.c.sku == filters.sku)))
    if filters.warehouse is not None:
        place = select(warehouses.c.warehouse_id).where(warehouses.c.code == filters.warehouse)
        statement = statement.where(stock_items.c.warehouse_id.in_(place))
    return statement
