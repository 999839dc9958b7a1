"""What can be done with the catalogue. Each function is one unit of work inside the caller's transaction."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog import store
from services.inventory.catalog.model import NewProduct, NewWarehouse, Product, ProductId, Warehouse, WarehouseId
from services.runtime.ids import new_id


async def create_product(connection: AsyncConnection, new: NewProduct) -> Product:
    """A product under a sku of its own. Refuses: SkuTaken."""
    return await store.add_product(connection, ProductId(new_id()), new)


async def create_warehouse(connection: AsyncConnection, new: NewWarehouse) -> Warehouse:
    """A warehouse under a code of its own. Refuses: CodeTaken."""
    return await store.add_warehouse(connection, WarehouseId(new_id()), new)
