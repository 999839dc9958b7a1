"""Products and warehouses as lists: what can be asked for, and in which order."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ARRAY, CTE, ColumnElement, Select, Uuid, func, literal, or_, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog.model import PRICE_MINOR_MAX, Product, ProductSort, Status, Warehouse, WarehouseSort
from services.inventory.catalog.reading import PRODUCT, WAREHOUSE, as_product, as_warehouse, order_of
from services.inventory.catalog.tables import letters, price_order, products, search_text, warehouses
from services.runtime.paging import Order, Page, Window, estimate_rows, fetch_page

SIMILARITY_MIN = 0.35  # two letters of seven that changed places still find their word; at 0.6, the default, a wrong one in six does not
MANY = 3_000  # of a quarter of a million, and a page meets its fifty within some thousand rows
LETTERS_MAX = 2  # characters of a text in which there is no trigram
WORDS_MAX = 8  # of a text that are compared; more make the search no better
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,15})")
_SETTINGS = select(
    func.set_config("pg_trgm.word_similarity_threshold", str(SIMILARITY_MIN), True),
    # A plan that is made for any value walks the whole list in search of a rare one.
    func.set_config("plan_cache_mode", "force_custom_plan", True),
    # Every order has an index that has all of it; half of the order from another one would cost a look at each row.
    func.set_config("enable_incremental_sort", "off", True),
)


@dataclass(frozen=True, slots=True)
class ProductFilters:
    status: Status = Status.ACTIVE
    q: str | None = None
    category: str | None = None
    price_gte: int | None = None
    price_lte: int | None = None
    updated_since: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def narrows(self) -> bool:
        """Whether it looks for anything but a status, of which every order has an index."""
        return self != ProductFilters(self.status)


async def list_products(connection: AsyncConnection, filters: ProductFilters, sort: ProductSort | None, *, window: Window) -> Page[Product]:
    """Products that pass every filter. To look for more than a status takes a transaction, which gets settings of its own.

    Without a sort they come by sku, or by update where that is what is asked for. A product without a price is sorted
    after those that have one. A text that is found nowhere as it is written finds what is spelt like it.
    One query; one more with filters, and one or two more for a text. Indexes: products_by_sku and its sisters, one for each sort;
    products_of_a_category, products_with_attributes, products_by_words, products_by_letters.
    """
    if filters.narrows:
        await connection.execute(_SETTINGS)
    order = order_of(sort or (ProductSort.UPDATE if filters.updated_since else ProductSort.SKU))
    statement = _filtered(filters)
    if filters.q is not None:
        text = unicodedata.normalize("NFC", filters.q)
        # A cursor remembers by one more key how its first page searched: that may not change under the reader.
        if len(text) <= LETTERS_MAX:
            is_spelt_so = True  # nothing that lacks two letters is spelt like them
        elif window.position is None:
            is_spelt_so = await _count(connection, statement.where(_contains(text)), limit=1) == 1
        else:
            is_spelt_so = len(window.position.keys) == len(order.keys)
        search = _spelt_so if is_spelt_so else _spelt_like
        statement = await search(connection, statement, text)
        order = order if is_spelt_so else order.of(*order.keys, literal(1))
    if filters.updated_since is not None or filters.price_gte is not None or filters.price_lte is not None:
        # The ids by themselves: the index of each order has all that these filters look at.
        walked = order.cut(statement.with_only_columns(products.c.product_id), window)
        statement = PRODUCT.where(products.c.product_id.in_(walked))
    return await fetch_page(connection, statement, order, as_product, window=window)


async def list_warehouses(connection: AsyncConnection, status: Status, sort: WarehouseSort, *, window: Window) -> Page[Warehouse]:
    """Warehouses of this status. There are few, so no index serves this."""
    key = warehouses.c[sort.value.removeprefix("-")]
    order = Order((key, warehouses.c.warehouse_id), sort.value.startswith("-"))
    return await fetch_page(connection, WAREHOUSE.where(warehouses.c.status == status.value), order, as_warehouse, window=window)


def _filtered(filters: ProductFilters) -> Select[tuple[object, ...]]:
    statement = PRODUCT.where(products.c.status == filters.status.value)
    if filters.category is not None:
        statement = statement.where(products.c.category == filters.category)
    if filters.updated_since is not None:
        statement = statement.where(products.c.updated_at >= filters.updated_since)
    if filters.price_gte is not None or filters.price_lte is not None:
        # The expression of the index. What has no price lies above every limit.
        lowest = 0 if filters.price_gte is None else filters.price_gte
        highest = PRICE_MINOR_MAX if filters.price_lte is None else filters.price_lte
        statement = statement.where(price_order.between(lowest, highest))
    return statement.where(*(_has_attribute(name, text) for name, text in filters.attributes.items()))


def _contains(text: str) -> ColumnElement[bool]:
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    return search_text.ilike(f"%{escaped}%")


async def _spelt_so(connection: AsyncConnection, statement: Select[tuple[object, ...]], text: str) -> Select[tuple[object, ...]]:
    """Of the statement's products those with the text in them."""
    containing = statement.where(_contains(text))
    if len(text) > LETTERS_MAX:
        return containing
    has_letters = letters.contains(array([func.lower(text)]))
    # Statistics know the common ones, and those are met by walking through the list.
    if await estimate_rows(connection, select(products.c.product_id).where(has_letters)) >= MANY:
        return containing
    return _found_first(statement.where(has_letters))


async def _spelt_like(connection: AsyncConnection, statement: Select[tuple[object, ...]], text: str) -> Select[tuple[object, ...]]:
    """Of the statement's products those that have a word like each of the text's.

    The planner does not know how many those are. So they are counted up to a limit: few are found by the index and then
    sorted, of many enough are met by walking through the list.
    """
    words = text.split()[:WORDS_MAX] or [text]
    alike = statement.where(*(literal(word).op("<%", is_comparison=True)(search_text) for word in words))
    return alike if await _count(connection, alike, limit=MANY) == MANY else _found_first(alike)


def _found_first(statement: Select[tuple[object, ...]]) -> Select[tuple[object, ...]]:
    """The same products, all of them found before any is sorted. As an array, which the primary key looks up one by one."""
    ids = func.array(select(_by_itself(statement).c.product_id).scalar_subquery(), type_=ARRAY(Uuid))
    return PRODUCT.where(products.c.product_id == func.any(ids))


async def _count(connection: AsyncConnection, statement: Select[tuple[object, ...]], *, limit: int) -> int:
    """How many rows the statement selects, but no more than the limit."""
    some = select(literal(1)).select_from(_by_itself(statement)).limit(limit).subquery("some")
    count: int = (await connection.execute(select(func.count()).select_from(some))).scalar_one()
    return count


def _by_itself(statement: Select[tuple[object, ...]]) -> CTE:
    """The ids, planned as if all were wanted: by the index of the words. They are still read one by one."""
    return statement.with_only_columns(products.c.product_id).cte("found").prefix_with("MATERIALIZED", dialect="postgresql")


def _has_attribute(name: str, text: str) -> ColumnElement[bool]:
    """In a query everything is text; in an attribute 42 and true may be meant."""
    meant: list[str | int | bool] = [text]
    if _INTEGER.fullmatch(text):
        meant.append(int(text))
    if text in {"true", "false"}:
        meant.append(text == "true")
    return or_(*(products.c.attributes.contains({name: value}) for value in meant))
