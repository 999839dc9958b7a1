"""Every statement about one product or one warehouse but for the usual reads, which are in catalog/reading.py."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import ARRAY, RowMapping, Select, Text, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog.errors import CodeTaken, SkuTaken
from services.inventory.catalog.model import NewProduct, NewWarehouse, Product, ProductId, Status, Warehouse, WarehouseId, as_id
from services.inventory.catalog.reading import BY_CODE, BY_PRODUCT_ID, BY_SKU, BY_WAREHOUSE_ID, as_product, as_warehouse
from services.inventory.catalog.tables import products, warehouses
from services.runtime.database import constraint_name

_NAMES = select(products.c.sku, products.c.name).where(products.c.sku == func.any(bindparam("skus", type_=ARRAY(Text))))
_ADD_PRODUCT = insert(products).returning(products)
_TOUCHED_PRODUCT = (
    update(products)
    .where(products.c.product_id == bindparam("of_id"))
    .values(version=products.c.version + 1, updated_at=func.clock_timestamp())
    .returning(products)
)
_SET_PRODUCT = _TOUCHED_PRODUCT.values({name: bindparam(f"new_{name}") for name in asdict(NewProduct("", "")) if name != "sku"})
_ARCHIVE_PRODUCT = _TOUCHED_PRODUCT.values(status=Status.ARCHIVED.value)

_ADD_WAREHOUSE = insert(warehouses).returning(warehouses)
_TOUCHED_WAREHOUSE = (
    update(warehouses)
    .where(warehouses.c.warehouse_id == bindparam("of_id"))
    .values(version=warehouses.c.version + 1, updated_at=func.clock_timestamp())
    .returning(warehouses)
)
_SET_WAREHOUSE = _TOUCHED_WAREHOUSE.values(name=bindparam("new_name"), priority=bindparam("new_priority"))
_ARCHIVE_WAREHOUSE = _TOUCHED_WAREHOUSE.values(status=Status.ARCHIVED.value)


async def add_product(connection: AsyncConnection, product_id: ProductId, new: NewProduct) -> Product:
    """Insert a product. Refuses: SkuTaken."""
    try:
        return as_product((await connection.execute(_ADD_PRODUCT, {"product_id": product_id, **asdict(new)})).mappings().one())
    except IntegrityError as error:
        if constraint_name(error) == "a_sku_names_one_product":
            raise SkuTaken(new.sku) from error
        raise


async def find_product(connection: AsyncConnection, key: str) -> Product | None:
    """The product of an id or a sku, archived ones too."""
    row = await _find(connection, key, by_id=BY_PRODUCT_ID, by_key=BY_SKU)
    return as_product(row) if row else None


async def lock_product(connection: AsyncConnection, key: str) -> Product | None:
    """The same, and nobody else can change it until this transaction ends; stock of it can still be configured."""
    row = await _find(connection, key, by_id=BY_PRODUCT_ID.with_for_update(key_share=True), by_key=BY_SKU.with_for_update(key_share=True))
    return as_product(row) if row else None


async def set_product(connection: AsyncConnection, product_id: ProductId, new: NewProduct) -> Product:
    """Give it everything but another sku. Lock the product first."""
    values = {f"new_{name}": value for name, value in asdict(new).items() if name != "sku"}
    return as_product((await connection.execute(_SET_PRODUCT, {"of_id": product_id, **values})).mappings().one())


async def archive_product(connection: AsyncConnection, product_id: ProductId) -> None:
    """Lock the product and see that nobody waits for it first."""
    await connection.execute(_ARCHIVE_PRODUCT, {"of_id": product_id})


async def names_of(connection: AsyncConnection, skus: Sequence[str]) -> Mapping[str, str]:
    """The names of products by sku."""
    return {row.sku: row.name for row in await connection.execute(_NAMES, {"skus": list(skus)})}


async def add_warehouse(connection: AsyncConnection, warehouse_id: WarehouseId, new: NewWarehouse) -> Warehouse:
    """Insert a warehouse. Refuses: CodeTaken."""
    try:
        return as_warehouse((await connection.execute(_ADD_WAREHOUSE, {"warehouse_id": warehouse_id, **asdict(new)})).mappings().one())
    except IntegrityError as error:
        if constraint_name(error) == "a_code_names_one_warehouse":
            raise CodeTaken(new.code) from error
        raise


async def find_warehouse(connection: AsyncConnection, key: str) -> Warehouse | None:
    """The warehouse of an id or a code, archived ones too."""
    row = await _find(connection, key, by_id=BY_WAREHOUSE_ID, by_key=BY_CODE)
    return as_warehouse(row) if row else None


async def lock_warehouse(connection: AsyncConnection, key: str) -> Warehouse | None:
    """The same, and nobody else can change it until this transaction ends; stock in it can still be configured."""
    row = await _find(
        connection, key, by_id=BY_WAREHOUSE_ID.with_for_update(key_share=True), by_key=BY_CODE.with_for_update(key_share=True)
    )
    return as_warehouse(row) if row else None


async def set_warehouse(connection: AsyncConnection, warehouse_id: WarehouseId, new: NewWarehouse) -> Warehouse:
    """Give it everything but another code. Lock the warehouse first."""
    values = {"of_id": warehouse_id, "new_name": new.name, "new_priority": new.priority}
    return as_warehouse((await connection.execute(_SET_WAREHOUSE, values)).mappings().one())


async def archive_warehouse(connection: AsyncConnection, warehouse_id: WarehouseId) -> None:
    """Lock the warehouse and see that nobody waits for what lies there first."""
    await connection.execute(_ARCHIVE_WAREHOUSE, {"of_id": warehouse_id})


async def _find(
    connection: AsyncConnection, key: str, *, by_id: Select[tuple[object, ...]], by_key: Select[tuple[object, ...]]
) -> RowMapping | None:
    found = as_id(key)
    if found is not None:
        return (await connection.execute(by_id, {"id": found})).mappings().one_or_none()
    return (await connection.execute(by_key, {"key": key})).mappings().one_or_none()
