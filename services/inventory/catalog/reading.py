"""What is read most: one product or warehouse, and the list of all products of a status. The driver runs these by itself."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

import asyncpg
from sqlalchemy import ColumnElement, RowMapping, bindparam, select

from services.inventory.catalog.model import Product, ProductSort, Status, Warehouse, as_id
from services.inventory.catalog.tables import price_order, products, warehouses
from services.runtime.direct import Direct, Written
from services.runtime.paging import Order, Page, Window, WrittenList

Thing = TypeVar("Thing", Product, Warehouse)
ProductRow: TypeAlias = Mapping[str, Any]  # the columns of a product, as the driver reads them

PRODUCT = select(products)
BY_PRODUCT_ID = PRODUCT.where(products.c.product_id == bindparam("id"))
BY_SKU = PRODUCT.where(products.c.sku == bindparam("key"))
WAREHOUSE = select(warehouses)
BY_WAREHOUSE_ID = WAREHOUSE.where(warehouses.c.warehouse_id == bindparam("id"))
BY_CODE = WAREHOUSE.where(warehouses.c.code == bindparam("key"))

_ONE_PRODUCT = Written(BY_PRODUCT_ID), Written(BY_SKU)
_ONE_WAREHOUSE = Written(BY_WAREHOUSE_ID), Written(BY_CODE)
_PRODUCT_KEYS: Mapping[str, ColumnElement[object]] = {
    "sku": products.c.sku,
    "name": products.c.name,
    "price_minor": price_order,
    "created_at": products.c.created_at,
    "updated_at": products.c.updated_at,
}


def _from_rows_to(kind: type[Thing]) -> Callable[[RowMapping | asyncpg.Record], Thing]:
    """How a row with a column for each field becomes one of these. The names are looked up here, and not for each row."""
    names = [field.name for field in fields(kind)]
    facts, status = itemgetter(*names), names.index("status")

    def read(row: RowMapping | asyncpg.Record) -> Thing:
        told = list(facts(row))
        told[status] = Status(told[status])
        return kind(*told)

    return read


as_product, as_warehouse = _from_rows_to(Product), _from_rows_to(Warehouse)


async def read_product(direct: Direct, key: str) -> Product | None:
    """The product of an id or a sku, archived ones too."""
    row = await _read(direct, key, *_ONE_PRODUCT)
    return as_product(row) if row else None


async def read_warehouse(direct: Direct, key: str) -> Warehouse | None:
    """The warehouse of an id or a code, archived ones too."""
    row = await _read(direct, key, *_ONE_WAREHOUSE)
    return as_warehouse(row) if row else None


async def read_products(direct: Direct, status: Status, sort: ProductSort, *, window: Window) -> Page[ProductRow]:
    """All products of this status. Indexes: products_by_sku and its sisters, one for each sort.

    As rows, because they are only written down again: to make fifty products of them takes longer than the driver takes to read them.
    """
    return await _products(status, sort).read(direct, window)


def order_of(sort: ProductSort) -> Order:
    """A product without a price is sorted after those that have one."""
    return Order((_PRODUCT_KEYS[sort.value.removeprefix("-")], products.c.product_id), sort.value.startswith("-"))


@cache
def _products(status: Status, sort: ProductSort) -> WrittenList[ProductRow]:
    return WrittenList(PRODUCT.where(products.c.status == status.value), order_of(sort), dict)


async def _read(direct: Direct, key: str, by_id: Written, by_key: Written) -> asyncpg.Record | None:
    found = as_id(key)
    return await (direct.one(by_id, id=found) if found is not None else direct.one(by_key, key=key))
