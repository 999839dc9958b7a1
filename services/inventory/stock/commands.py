"""What can be done with stock. Each function is one unit of work inside the caller's transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog import store as catalog
from services.inventory.catalog.errors import ProductNotFound, WarehouseNotFound
from services.inventory.catalog.model import Product, Warehouse
from services.inventory.stock import store
from services.inventory.stock.errors import (
    DuplicateItems,
    InsufficientOnHand,
    OnHandLimitExceeded,
    StockBelowReserved,
    StockItemNotFound,
    UnknownStockItem,
)
from services.inventory.stock.model import (
    ON_HAND_MAX,
    Adjusted,
    Adjustment,
    Change,
    Counters,
    ItemId,
    Movement,
    MovementId,
    Reason,
    StockItem,
    StockSettings,
)
from services.runtime.errors import Fault
from services.runtime.ids import new_id
from services.runtime.preconditions import EtagMismatch, Precondition


async def find_item(connection: AsyncConnection, product_key: str, warehouse_key: str) -> StockItem:
    """The stock item of two ids, or of sku and code. Refuses: ProductNotFound, WarehouseNotFound, StockItemNotFound."""
    product, warehouse = await _place(connection, product_key, warehouse_key)
    item = await store.find_item(connection, product, warehouse)
    if item is None:
        raise StockItemNotFound(f"of {product.sku!r} in {warehouse.code!r}")
    return item


async def configure_item(
    connection: AsyncConnection, product_key: str, warehouse_key: str, settings: StockSettings, precondition: Precondition
) -> tuple[StockItem, bool]:
    """Create a stock item or change its settings; the boolean says whether it was created.

    Refuses: EtagMismatch, LimitBelowReserved, ProductNotFound, WarehouseNotFound.
    """
    product, warehouse = await _place(connection, product_key, warehouse_key)
    item = await store.lock_item(connection, product, warehouse)
    precondition.check(item.version if item else None)
    if item is None:
        item_id = ItemId(new_id())
        if not await store.add_item(connection, item_id, product, warehouse, settings):
            raise EtagMismatch  # it exists after all: another transaction made it in between
        return StockItem(item_id, product.sku, warehouse.code, settings, version=1), True
    await store.set_settings(connection, item.item_id, settings)
    return StockItem(item.item_id, item.sku, item.warehouse, settings, item.version + 1), False


async def adjust(
    connection: AsyncConnection, adjustments: Sequence[Adjustment], *, reason: Reason, reference: str | None, actor: str
) -> Sequence[Adjusted]:
    """Record units that arrived or left, all of them or none, and write each into the ledger.

    Refuses: DuplicateItems, UnknownStockItem, InsufficientOnHand, StockBelowReserved, OnHandLimitExceeded.
    """
    item_ids = await _items_of(connection, adjustments)
    counters = await store.lock_levels(connection, item_ids)
    _refuse_impossible(adjustments, [counters[item_id] for item_id in item_ids])
    changes = {item_id: Change(on_hand=one.delta) for item_id, one in zip(item_ids, adjustments, strict=True)}
    movements = [
        Movement(MovementId(new_id()), item_id, change.on_hand, counters[item_id].on_hand + change.on_hand, reason, reference, actor)
        for item_id, change in changes.items()
    ]
    await store.change_levels(connection, changes)
    await store.add_movements(connection, movements)
    return [
        Adjusted(one.sku, one.warehouse, one.delta, movement.on_hand_after, movement.movement_id)
        for one, movement in zip(adjustments, movements, strict=True)
    ]


async def _place(connection: AsyncConnection, product_key: str, warehouse_key: str) -> tuple[Product, Warehouse]:
    """The product and the warehouse of two ids, or of sku and code. Refuses: ProductNotFound, WarehouseNotFound."""
    product = await catalog.find_product(connection, product_key)
    if product is None:
        raise ProductNotFound(product_key)
    warehouse = await catalog.find_warehouse(connection, warehouse_key)
    if warehouse is None:
        raise WarehouseNotFound(warehouse_key)
    return product, warehouse


async def _items_of(connection: AsyncConnection, adjustments: Sequence[Adjustment]) -> Sequence[ItemId]:
    places = [(one.sku, one.warehouse) for one in adjustments]
    times = Counter(places)
    if len(times) < len(places):
        raise DuplicateItems([_fault(n, one) for n, one in enumerate(adjustments) if times[one.sku, one.warehouse] > 1])
    known: Mapping[tuple[str, str], ItemId] = await store.resolve(connection, places)
    unknown = [_fault(n, one) for n, one in enumerate(adjustments) if (one.sku, one.warehouse) not in known]
    if unknown:
        raise UnknownStockItem(unknown)
    return [known[place] for place in places]


def _refuse_impossible(adjustments: Sequence[Adjustment], counters: Sequence[Counters]) -> None:
    missing, promised, too_many = [], [], []
    for n, (one, now) in enumerate(zip(adjustments, counters, strict=True)):
        on_hand = now.on_hand + one.delta
        if on_hand < 0:
            missing.append(_fault(n, one, on_hand=now.on_hand))
        elif on_hand > ON_HAND_MAX:
            too_many.append(_fault(n, one, on_hand=now.on_hand))
        elif one.delta < 0 and now.promised > on_hand + now.backorder_limit:
            promised.append(_fault(n, one, on_hand=now.on_hand, promised=now.promised))
    if missing:
        raise InsufficientOnHand(missing)
    if promised:
        raise StockBelowReserved(promised)
    if too_many:
        raise OnHandLimitExceeded(too_many)


def _fault(position: int, one: Adjustment, **facts: int) -> Fault:
    return {"pointer": f"/items/{position}", "sku": one.sku, "warehouse": one.warehouse, "delta": one.delta, **facts}
