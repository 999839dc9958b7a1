"""Every statement about products and warehouses."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import ARRAY, RowMapping, Text, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog.errors import CodeTaken, SkuTaken
from services.inventory.catalog.model import NewProduct, NewWarehouse, Product, ProductId, Status, Warehouse, WarehouseId, as_id
from services.inventory.catalog.tables import products, warehouses
from services.runtime.database import constraint_name
from services.runtime.paging import Page, Position, fetch_page

_PRODUCT_BY_ID = select(products).where(products.c.product_id == bindparam("id"))
_PRODUCT_BY_SKU = select(products).where(products.c.sku == bindparam("sku"))
_ACTIVE_PRODUCTS = select(products).where(products.c.status == Status.ACTIVE.value)
_NAMES = select(products.c.sku, products.c.name).where(products.c.sku == func.any(bindparam("skus", type_=ARRAY(Text))))
_ADD_PRODUCT = insert(products).returning(products)

_WAREHOUSE_BY_ID = select(warehouses).where(warehouses.c.warehouse_id == bindparam("id"))
_WAREHOUSE_BY_CODE = select(warehouses).where(warehouses.c.code == bindparam("code"))
_ACTIVE_WAREHOUSES = select(warehouses).where(warehouses.c.status == Status.ACTIVE.value)
_ADD_WAREHOUSE = insert(warehouses).returning(warehouses)


async def add_product(connection: AsyncConnection, product_id: ProductId, new: NewProduct) -> Product:
    """Insert a product. Refuses: SkuTaken."""
    try:
        return _product((await connection.execute(_ADD_PRODUCT, {"product_id": product_id, **asdict(new)})).mappings().one())
    except IntegrityError as error:
        if constraint_name(error) == "a_sku_names_one_product":
            raise SkuTaken(new.sku) from error
        raise


async def find_product(connection: AsyncConnection, key: str) -> Product | None:
    """The product of an id or a sku, archived ones too."""
    product_id = as_id(key)
    if product_id is not None:
        row = (await connection.execute(_PRODUCT_BY_ID, {"id": product_id})).mappings().one_or_none()
    else:
        row = (await connection.execute(_PRODUCT_BY_SKU, {"sku": key})).mappings().one_or_none()
    return _product(row) if row else None


async def list_products(connection: AsyncConnection, *, position: Position | None, limit: int) -> Page[Product]:
    """Active products by sku. Index: a_sku_names_one_product."""
    return await fetch_page(connection, _ACTIVE_PRODUCTS, [products.c.sku], _product, position=position, limit=limit)


async def names_of(connection: AsyncConnection, skus: Sequence[str]) -> Mapping[str, str]:
    """The names of products by sku."""
    return {row.sku: row.name for row in await connection.execute(_NAMES, {"skus": list(skus)})}


async def add_warehouse(connection: AsyncConnection, warehouse_id: WarehouseId, new: NewWarehouse) -> Warehouse:
    """Insert a warehouse. Refuses: CodeTaken."""
    try:
        return _warehouse((await connection.execute(_ADD_WAREHOUSE, {"warehouse_id": warehouse_id, **asdict(new)})).mappings().one())
    except IntegrityError as error:
        if constraint_name(error) == "a_code_names_one_warehouse":
            raise CodeTaken(new.code) from error
        raise


async def find_warehouse(connection: AsyncConnection, key: str) -> Warehouse | None:
    """The warehouse of an id or a code, archived ones too."""
    warehouse_id = as_id(key)
    if warehouse_id is not None:
        row = (await connection.execute(_WAREHOUSE_BY_ID, {"id": warehouse_id})).mappings().one_or_none()
    else:
        row = (await connection.execute(_WAREHOUSE_BY_CODE, {"code": key})).mappings().one_or_none()
    return _warehouse(row) if row else None


async def list_warehouses(connection: AsyncConnection, *, position: Position | None, limit: int) -> Page[Warehouse]:
    """Active warehouses by code. Index: a_code_names_one_warehouse."""
    return await fetch_page(connection, _ACTIVE_WAREHOUSES, [warehouses.c.code], _warehouse, position=position, limit=limit)


def _product(row: RowMapping) -> Product:
    return Product(**{**row, "status": Status(row["status"])})


def _warehouse(row: RowMapping) -> Warehouse:
    return Warehouse(**{**row, "status": Status(row["status"])})
