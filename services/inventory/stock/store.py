"""Every statement about stock items, their levels and the ledger."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields

from sqlalchemy import ARRAY, Integer, RowMapping, Text, Uuid, and_, bindparam, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog.model import Product, Warehouse
from services.inventory.catalog.tables import products, warehouses
from services.inventory.stock.errors import LimitBelowReserved
from services.inventory.stock.model import (
    Availability,
    Available,
    Change,
    Counters,
    ItemId,
    Level,
    Movement,
    Place,
    StockItem,
    StockSettings,
)
from services.inventory.stock.tables import low_stock, stock_items, stock_levels, stock_movements, stock_now
from services.runtime.database import constraint_name

_FIND_ITEM = (
    select(
        stock_items.c.item_id,
        products.c.sku,
        warehouses.c.code.label("warehouse"),
        stock_levels.c.safety_stock,
        stock_levels.c.backorder_limit,
        stock_levels.c.low_stock_at,
        stock_items.c.version,
    )
    .select_from(stock_items)
    .join(stock_levels, stock_levels.c.item_id == stock_items.c.item_id)
    .join(products, products.c.product_id == stock_items.c.product_id)
    .join(warehouses, warehouses.c.warehouse_id == stock_items.c.warehouse_id)
    .where(stock_items.c.product_id == bindparam("product_id"), stock_items.c.warehouse_id == bindparam("warehouse_id"))
)
_LOCK_ITEM = _FIND_ITEM.with_for_update(of=stock_items, key_share=True)
_ADD_ITEM = insert(stock_items).on_conflict_do_nothing(constraint="a_product_has_one_item_in_a_warehouse")
_ADD_LEVEL = insert(stock_levels)
_SET_VERSION = update(stock_items).where(stock_items.c.item_id == bindparam("of_item")).values(version=stock_items.c.version + 1)
_SET_LEVEL = (
    update(stock_levels)
    .where(stock_levels.c.item_id == bindparam("of_item"))
    .values(
        safety_stock=bindparam("safety_stock"),
        backorder_limit=bindparam("backorder_limit"),
        low_stock_at=bindparam("low_stock_at"),
        updated_at=func.clock_timestamp(),
    )
)

_COUNTERS = ("on_hand", "held", "allocated")
_SUM = select(*(func.coalesce(func.sum(stock_levels.c[name]), 0).label(name) for name in _COUNTERS))
_COUNT_LOW = select(*(func.count().filter(low_stock.c.status == status).label(status) for status in ("low", "out")))

_skus, _codes = bindparam("skus", type_=ARRAY(Text)), bindparam("codes", type_=ARRAY(Text))
_places = func.unnest(_skus, _codes).table_valued("sku", "code", name="places").render_derived()
_RESOLVE = (
    select(_places.c.sku, _places.c.code, stock_items.c.item_id)
    .select_from(_places)
    .join(products, products.c.sku == _places.c.sku)
    .join(warehouses, warehouses.c.code == _places.c.code)
    .join(
        stock_items,
        (stock_items.c.product_id == products.c.product_id) & (stock_items.c.warehouse_id == warehouses.c.warehouse_id),
    )
)
_item_ids = bindparam("item_ids", type_=ARRAY(Uuid))
_READ_LEVELS = select(
    stock_levels.c.item_id,
    stock_levels.c.on_hand,
    stock_levels.c.held,
    stock_levels.c.allocated,
    stock_levels.c.backorder_limit,
).where(stock_levels.c.item_id == func.any(_item_ids))
_LOCK_LEVELS = _READ_LEVELS.order_by(stock_levels.c.item_id).with_for_update(key_share=True)
_changes = (
    func.unnest(
        _item_ids,
        bindparam("on_hand", type_=ARRAY(Integer)),
        bindparam("held", type_=ARRAY(Integer)),
        bindparam("allocated", type_=ARRAY(Integer)),
    )
    .table_valued("item_id", "on_hand", "held", "allocated", name="changes")
    .render_derived()
)
_CHANGE_LEVELS = (
    update(stock_levels)
    .where(stock_levels.c.item_id == _changes.c.item_id)
    .values(
        on_hand=stock_levels.c.on_hand + _changes.c.on_hand,
        held=stock_levels.c.held + _changes.c.held,
        allocated=stock_levels.c.allocated + _changes.c.allocated,
        updated_at=func.clock_timestamp(),
    )
)
_KEEP_ALL = text("LOCK TABLE stock_levels IN SHARE MODE")
_ADD_MOVEMENTS = insert(stock_movements)
_LEVEL = select(*(stock_now.c[field.name] for field in fields(Level))).where(stock_now.c.item_id == bindparam("item_id"))
_clock = select(func.statement_timestamp().label("read_at")).subquery("clock")
_AVAILABILITY = select(_clock.c.read_at, stock_now.c.sku, stock_now.c.warehouse, stock_now.c.available).order_by(
    stock_now.c.sku, stock_now.c.warehouse
)


async def find_item(connection: AsyncConnection, product: Product, warehouse: Warehouse) -> StockItem | None:
    row = (await connection.execute(_FIND_ITEM, _ids(product, warehouse))).mappings().one_or_none()
    return _item(row) if row else None


async def lock_item(connection: AsyncConnection, product: Product, warehouse: Warehouse) -> StockItem | None:
    """The stock item, whose settings nobody else can change until this transaction ends."""
    row = (await connection.execute(_LOCK_ITEM, _ids(product, warehouse))).mappings().one_or_none()
    return _item(row) if row else None


async def add_item(connection: AsyncConnection, item_id: ItemId, product: Product, warehouse: Warehouse, settings: StockSettings) -> bool:
    """Insert a stock item with nothing on hand. False if another transaction has made one since."""
    if (await connection.execute(_ADD_ITEM, {"item_id": item_id, **_ids(product, warehouse)})).rowcount == 0:
        return False
    await connection.execute(_ADD_LEVEL, {"item_id": item_id, **asdict(settings)})
    return True


async def set_settings(connection: AsyncConnection, item_id: ItemId, settings: StockSettings) -> None:
    """Change the settings of a locked item. Locks its level. Refuses: LimitBelowReserved."""
    await connection.execute(_SET_VERSION, {"of_item": item_id})
    try:
        await connection.execute(_SET_LEVEL, {"of_item": item_id, **asdict(settings)})
    except IntegrityError as error:
        if constraint_name(error) == "promises_do_not_exceed_stock":
            raise LimitBelowReserved(item_id) from error
        raise


async def resolve(connection: AsyncConnection, places: Sequence[Place]) -> Mapping[Place, ItemId]:
    """The stock items of the places; places without one are left out."""
    values = {"skus": [place.sku for place in places], "codes": [place.warehouse for place in places]}
    return {Place(row.sku, row.code): row.item_id for row in await connection.execute(_RESOLVE, values)}


async def lock_levels(connection: AsyncConnection, item_ids: Collection[ItemId]) -> Mapping[ItemId, Counters]:
    """The counters of the items, which nobody else can change until this transaction ends.

    Whoever locks several does it here, or in reserve.sql and expire_due.sql in the same ascending order, so that two
    transactions never wait for each other.
    """
    rows = (await connection.execute(_LOCK_LEVELS, {"item_ids": list(item_ids)})).mappings()
    return {row["item_id"]: _counters(row) for row in rows}


async def keep_all_levels(connection: AsyncConnection) -> None:
    """Let nobody change any counter until this transaction ends, and wait for those who are at it.

    For a decision about more items than one would lock row by row; it stops every order for its milliseconds.
    """
    await connection.execute(_KEEP_ALL)


async def read_counters(connection: AsyncConnection, item_ids: Collection[ItemId]) -> Mapping[ItemId, Counters]:
    """The counters of the items at this moment; locks nothing, so they are only a hint."""
    rows = (await connection.execute(_READ_LEVELS, {"item_ids": list(item_ids)})).mappings()
    return {row["item_id"]: _counters(row) for row in rows}


async def change_levels(connection: AsyncConnection, changes: Mapping[ItemId, Change]) -> None:
    """Add to the counters. Lock the levels first; the constraints have the last word."""
    values = {
        "item_ids": list(changes),
        "on_hand": [change.on_hand for change in changes.values()],
        "held": [change.held for change in changes.values()],
        "allocated": [change.allocated for change in changes.values()],
    }
    await connection.execute(_CHANGE_LEVELS, values)


async def add_movements(connection: AsyncConnection, movements: Sequence[Movement]) -> None:
    """Append to the ledger what change_levels does to on_hand in the same transaction."""
    await connection.execute(_ADD_MOVEMENTS, [_ledger_row(movement) for movement in movements])


async def find_level(connection: AsyncConnection, item_id: ItemId) -> Level | None:
    row = (await connection.execute(_LEVEL, {"item_id": item_id})).mappings().one_or_none()
    return Level(**row) if row else None


async def read_availability(connection: AsyncConnection, skus: Sequence[str], warehouse: str | None) -> Availability:
    """What can be reserved of each sku in each warehouse, or in one. What is unknown or archived is left out."""
    is_there = stock_now.c.warehouse == warehouse if warehouse is not None else true()
    is_wanted = and_(stock_now.c.sku.in_(skus), is_there, stock_now.c.takes_holds)
    # An outer join, so that the clock is told even where nothing is in stock.
    rows = (await connection.execute(_AVAILABILITY.select_from(_clock.outerjoin(stock_now, is_wanted)))).all()
    items = tuple(Available(row.sku, row.warehouse, row.available) for row in rows if row.sku is not None)
    return Availability(items, rows[0].read_at)


async def sum_levels(connection: AsyncConnection) -> Mapping[str, int]:
    """Units on hand, held and allocated, of all items. Reads every level: for a look now and then."""
    return dict((await connection.execute(_SUM)).mappings().one())


async def count_low(connection: AsyncConnection) -> Mapping[str, int]:
    """How many items are low, and how many are sold out."""
    return dict((await connection.execute(_COUNT_LOW)).mappings().one())


def _counters(row: RowMapping) -> Counters:
    return Counters(row["on_hand"], row["held"], row["allocated"], row["backorder_limit"])


def _ledger_row(movement: Movement) -> dict[str, object]:
    return {
        "movement_id": movement.movement_id,
        "item_id": movement.item_id,
        "delta": movement.delta,
        "on_hand_after": movement.on_hand_after,
        "reason": movement.entry.reason.value,
        "reference": movement.entry.reference,
        "actor": movement.entry.actor,
        "reservation_id": movement.reservation_id,
    }


def _ids(product: Product, warehouse: Warehouse) -> dict[str, object]:
    return {"product_id": product.product_id, "warehouse_id": warehouse.warehouse_id}


def _item(row: RowMapping) -> StockItem:
    settings = StockSettings(row["safety_stock"], row["backorder_limit"], row["low_stock_at"])
    return StockItem(row["item_id"], row["sku"], row["warehouse"], settings, row["version"])
