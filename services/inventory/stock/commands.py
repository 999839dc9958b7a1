"""What can be done with a stock item and its settings. Each function is one unit of work inside the caller's transaction."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog import store as catalog
from services.inventory.catalog.errors import ProductNotFound, WarehouseNotFound
from services.inventory.catalog.model import Product, Warehouse
from services.inventory.stock import store
from services.inventory.stock.errors import StockItemNotFound
from services.inventory.stock.model import ItemId, StockItem, StockSettings
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


async def _place(connection: AsyncConnection, product_key: str, warehouse_key: str) -> tuple[Product, Warehouse]:
    """The product and the warehouse of two ids, or of sku and code. Refuses: ProductNotFound, WarehouseNotFound."""
    product = await catalog.find_product(connection, product_key)
    if product is None:
        raise ProductNotFound(product_key)
    warehouse = await catalog.find_warehouse(connection, warehouse_key)
    if warehouse is None:
        raise WarehouseNotFound(warehouse_key)
    return product, warehouse
