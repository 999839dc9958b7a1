"""What can be done with the catalogue. Each function is one unit of work inside the caller's transaction."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog import store
from services.inventory.catalog.errors import PriceWithoutCurrency, ProductNotFound, TooManyAttributes, WarehouseNotFound
from services.inventory.catalog.events import ProductChanged, WarehouseChanged
from services.inventory.catalog.model import (
    ATTRIBUTES_MAX,
    NewProduct,
    NewWarehouse,
    Product,
    ProductId,
    ProductPatch,
    Warehouse,
    WarehouseId,
    WarehousePatch,
    merge_product,
    merge_warehouse,
)
from services.runtime import outbox
from services.runtime.ids import new_id
from services.runtime.preconditions import Precondition


async def create_product(connection: AsyncConnection, new: NewProduct) -> Product:
    """A product under a sku of its own. Refuses: SkuTaken."""
    return await store.add_product(connection, ProductId(new_id()), new)


async def create_warehouse(connection: AsyncConnection, new: NewWarehouse) -> Warehouse:
    """A warehouse under a code of its own. Refuses: CodeTaken."""
    return await store.add_warehouse(connection, WarehouseId(new_id()), new)


async def change_product(connection: AsyncConnection, key: str, patch: ProductPatch, precondition: Precondition) -> Product:
    """Merge the patch into the product, archived or not. What changes nothing leaves its version as it is.

    Locks the product. Refuses: ProductNotFound, EtagMismatch, PriceWithoutCurrency, TooManyAttributes.
    """
    product = await store.lock_product(connection, key)
    if product is None:
        raise ProductNotFound(key)
    precondition.check(product.version)
    new = merge_product(product, patch)
    if (new.price_minor is None) != (new.currency is None):
        raise PriceWithoutCurrency
    if len(new.attributes) > ATTRIBUTES_MAX:
        raise TooManyAttributes
    if merge_product(product, {}) == new:
        return product
    await outbox.append(connection, ProductChanged(product.product_id, product.sku))
    return await store.set_product(connection, product.product_id, new)


async def change_warehouse(connection: AsyncConnection, key: str, patch: WarehousePatch, precondition: Precondition) -> Warehouse:
    """Merge the patch into the warehouse, archived or not. What changes nothing leaves its version as it is.

    Locks the warehouse. Refuses: WarehouseNotFound, EtagMismatch.
    """
    warehouse = await store.lock_warehouse(connection, key)
    if warehouse is None:
        raise WarehouseNotFound(key)
    precondition.check(warehouse.version)
    new = merge_warehouse(warehouse, patch)
    if merge_warehouse(warehouse, {}) == new:
        return warehouse
    await outbox.append(connection, WarehouseChanged(warehouse.warehouse_id, warehouse.code))
    return await store.set_warehouse(connection, warehouse.warehouse_id, new)
