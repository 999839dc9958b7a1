"""Taking a product or a warehouse out of the catalogue, which nobody may be waiting for.

The catalogue knows nothing of promises, so these commands live with those who do.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog import store as catalog
from services.inventory.catalog.errors import HasOpenReservations, ProductNotFound, WarehouseNotFound
from services.inventory.catalog.events import ProductChanged, WarehouseChanged
from services.inventory.catalog.model import Product, Status, Warehouse
from services.inventory.reservations import listing
from services.inventory.stock import store as stock
from services.inventory.stock.listing import items_of_product
from services.runtime import outbox
from services.runtime.preconditions import Precondition


async def archive_product(connection: AsyncConnection, key: str, precondition: Precondition) -> Product:
    """Take the product out of lists and new orders. Archiving it again changes nothing, whatever version is named.

    Locks the product, then its stock levels: a hold that is being placed commits first and is seen.
    Refuses: ProductNotFound, EtagMismatch, HasOpenReservations.
    """
    product = await catalog.lock_product(connection, key)
    if product is None:
        raise ProductNotFound(key)
    if product.status is Status.ARCHIVED:  # its version has changed by that; whoever repeats a lost DELETE names the old one
        return product
    precondition.check(product.version)
    await stock.lock_levels(connection, await items_of_product(connection, product.product_id))
    if await listing.has_open_units_of(connection, product.product_id):
        raise HasOpenReservations(f"product {product.sku!r}")
    await catalog.archive_product(connection, product.product_id)
    await outbox.append(connection, ProductChanged(product.product_id, product.sku))
    return product


async def archive_warehouse(connection: AsyncConnection, key: str, precondition: Precondition) -> Warehouse:
    """Take the warehouse out of lists and new orders. Archiving it again changes nothing, whatever version is named.

    Locks the warehouse, then the table of levels, since its own may be a million: a hold that is being placed commits first and is
    seen. Refuses: WarehouseNotFound, EtagMismatch, HasOpenReservations.
    """
    warehouse = await catalog.lock_warehouse(connection, key)
    if warehouse is None:
        raise WarehouseNotFound(key)
    if warehouse.status is Status.ARCHIVED:
        return warehouse
    precondition.check(warehouse.version)
    await stock.keep_all_levels(connection)
    if await listing.has_open_units_in(connection, warehouse.warehouse_id):
        raise HasOpenReservations(f"warehouse {warehouse.code!r}")
    await catalog.archive_warehouse(connection, warehouse.warehouse_id)
    await outbox.append(connection, WarehouseChanged(warehouse.warehouse_id, warehouse.code))
    return warehouse
