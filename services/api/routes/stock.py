"""Stock over HTTP: the settings of an item, and what is available to anybody."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.api import limits
from services.api.copies import AVAILABILITY, RequestedCopy, copy_of, key_of
from services.api.dependencies import CurrentDatabase, RequiredPrecondition, requires
from services.api.openapi import answers, refusals, with_body
from services.api.routing import StrictRoute
from services.api.wire import Code, In, Out, ProductKey, WarehouseKey
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Permission
from services.inventory.catalog.errors import ProductNotFound, WarehouseNotFound
from services.inventory.reservations.reclaiming import unless_over
from services.inventory.stock import commands, store
from services.inventory.stock.errors import (
    LimitBelowReserved,
    StockItemNotFound,
)
from services.inventory.stock.model import (
    AVAILABILITY_SKUS_MAX,
    ON_HAND_MAX,
    ItemId,
    StockItem,
    StockSettings,
)
from services.runtime.cache import Copy
from services.runtime.preconditions import EtagMismatch, PreconditionMissing

router = APIRouter(tags=["stock"], route_class=StrictRoute)


Units = Annotated[int, Field(strict=True, ge=0, le=ON_HAND_MAX)]


class SettingsIn(In):
    safety_stock: Annotated[Units, Field(description="Units kept back from new reservations", examples=[2])] = 0
    backorder_limit: Annotated[Units, Field(description="How far promises may exceed what is on hand")] = 0
    low_stock_at: Annotated[Units, Field(description="Available units at which the staff hear of it; 0 is never", examples=[5])] = 0


class SettingsOut(Out):
    item_id: ItemId
    sku: str
    warehouse: str
    safety_stock: int
    backorder_limit: int
    low_stock_at: int
    version: int

    @classmethod
    def of_item(cls, item: StockItem) -> Self:
        return cls(
            item_id=item.item_id,
            sku=item.sku,
            warehouse=item.warehouse,
            safety_stock=item.settings.safety_stock,
            backorder_limit=item.settings.backorder_limit,
            low_stock_at=item.settings.low_stock_at,
            version=item.version,
        )


class AvailabilityOut(Out):
    sku: str
    warehouse: str
    available: int


class AvailabilitiesOut(Out):
    items: list[AvailabilityOut]
    server_time: datetime


@router.put(
    "/products/{key}/stock/{warehouse}",
    summary="Create a stock item or change its settings",
    responses=with_body(PermissionMissing, ProductNotFound, WarehouseNotFound, EtagMismatch, PreconditionMissing, LimitBelowReserved)
    | answers(200, "ETag")
    | answers(201, "ETag", model=SettingsOut),
    dependencies=[requires(Permission.STOCK_CONFIGURE)],
)
@limits.account
async def configure_stock(
    key: ProductKey,
    warehouse: WarehouseKey,
    body: SettingsIn,
    precondition: RequiredPrecondition,
    *,
    database: CurrentDatabase,
    response: Response,
) -> SettingsOut:
    """With `If-None-Match: *` it creates, with `If-Match` and the ETag that you have read it changes."""
    settings = StockSettings(body.safety_stock, body.backorder_limit, body.low_stock_at)
    item, was_created = await unless_over(
        database, lambda: database.transact(commands.configure_item, key, warehouse, settings, precondition)
    )
    response.status_code = 201 if was_created else 200
    response.headers["ETag"] = f'"{item.version}"'
    return SettingsOut.of_item(item)


@router.get(
    "/products/{key}/stock/{warehouse}",
    summary="Read the settings of a stock item",
    responses=refusals(PermissionMissing, ProductNotFound, WarehouseNotFound, StockItemNotFound) | answers(200, "ETag"),
    dependencies=[requires(Permission.STOCK_READ)],
)
@limits.account
async def read_stock_settings(key: ProductKey, warehouse: WarehouseKey, database: CurrentDatabase, response: Response) -> SettingsOut:
    item = await database.autocommit(commands.find_item, key, warehouse)
    response.headers["ETag"] = f'"{item.version}"'
    return SettingsOut.of_item(item)


@router.get(
    "/availability",
    summary="Read what can be reserved",
    response_model=AvailabilitiesOut,
    responses=refusals(),
    dependencies=[requires(Permission.CATALOG_READ)],
)
@limits.account
async def read_availability(
    database: CurrentDatabase,
    sku: Annotated[list[Code], Query(min_length=1, max_length=AVAILABILITY_SKUS_MAX, examples=[["TEE-M", "MUG"]])],
    copies: RequestedCopy,
    warehouse: Code | None = None,
) -> Response:
    """Of each sku in each warehouse where it is stocked. What is unknown or archived is left out."""

    async def load() -> Copy:
        found = await database.autocommit(store.read_availability, sku, warehouse)
        return copy_of(AvailabilitiesOut.of(found), cache_control="public, max-age=1")

    return await copies.answer(key_of("availability", sku, warehouse), AVAILABILITY, load)
