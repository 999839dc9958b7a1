"""Stock levels over HTTP, for those who look after the stock."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from services.api import limits
from services.api.dependencies import CurrentDatabase, requires
from services.api.openapi import refusals
from services.api.paging import RequestedPage
from services.api.routing import StrictRoute
from services.api.wire import Code, Instant, Out, PageOut, is_none
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Permission
from services.inventory.stock import listing, store
from services.inventory.stock.errors import StockItemNotFound
from services.inventory.stock.listing import LevelFilters
from services.inventory.stock.model import AVAILABILITY_SKUS_MAX, ItemId
from services.runtime.paging import BadCursor

router = APIRouter(prefix="/stock", tags=["stock"], route_class=StrictRoute)

READ = [requires(Permission.STOCK_READ)]
Codes = Annotated[list[Code] | None, Query(max_length=AVAILABILITY_SKUS_MAX)]


class LevelOut(Out):
    item_id: ItemId
    sku: str
    warehouse: str
    on_hand: int
    held: int
    allocated: int
    available: int
    safety_stock: int
    backorder_limit: int
    low_stock_at: int
    updated_at: datetime


class LevelPageOut(PageOut[LevelOut]):
    as_of: Annotated[datetime | None, Field(exclude_if=is_none, description="With low_stock: the instant as of which it is so")] = None


@router.get("", summary="List stock levels", dependencies=READ, responses=refusals(PermissionMissing, BadCursor))
@limits.account
async def list_levels(
    database: CurrentDatabase,
    page: RequestedPage,
    *,
    sku: Codes = None,
    warehouse: Codes = None,
    low_stock: Annotated[bool | None, Query(description="Items that are low or out, or with `false` those that are neither")] = None,
    updated_since: Annotated[
        Instant | None, Query(description="A page may then hold few items or none though `next_cursor` says that there are more")
    ] = None,
) -> LevelPageOut:
    filters = LevelFilters(sku or (), warehouse or (), low_stock, updated_since)
    found, as_of = await database.autocommit(listing.list_levels, filters, window=page.window)
    return LevelPageOut(items=[LevelOut.of(level) for level in found.items], as_of=as_of, **page.about(found))


@router.get("/{item_id}", summary="Read a stock level", dependencies=READ, responses=refusals(PermissionMissing, StockItemNotFound))
@limits.account
async def read_level(item_id: ItemId, database: CurrentDatabase) -> LevelOut:
    level = await database.autocommit(store.find_level, item_id)
    if level is None:
        raise StockItemNotFound(str(item_id))
    return LevelOut.of(level)
