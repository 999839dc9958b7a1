"""Stock over HTTP: settings, levels, adjustments, and what is available to anybody."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.dependencies import CurrentDatabase, Keyed, RequestedPage, RequiredPrecondition, requires
from services.api.once import once
from services.api.openapi import OF_KEYED_REQUESTS, refusals, with_body
from services.api.routing import StrictRoute
from services.api.wire import Code, In, Out, PageOut, PathKey, Text
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.catalog.errors import ProductNotFound, WarehouseNotFound
from services.inventory.stock import commands, store
from services.inventory.stock.errors import (
    DuplicateItems,
    InsufficientOnHand,
    LimitBelowReserved,
    OnHandLimitExceeded,
    StockBelowReserved,
    StockItemNotFound,
    UnknownStockItem,
)
from services.inventory.stock.model import (
    ADJUSTMENTS_MAX,
    AVAILABILITY_SKUS_MAX,
    ON_HAND_MAX,
    REFERENCE_LENGTH_MAX,
    Adjustment,
    ItemId,
    MovementId,
    Reason,
    StockItem,
    StockSettings,
)
from services.runtime.paging import BadCursor
from services.runtime.preconditions import EtagMismatch, PreconditionMissing

router = APIRouter(tags=["stock"], route_class=StrictRoute)


def _moves_something(delta: int) -> int:
    if delta == 0:
        raise ValueError("must not be 0")
    return delta


Units = Annotated[int, Field(strict=True, ge=0, le=ON_HAND_MAX)]


class SettingsIn(In):
    safety_stock: Annotated[Units, Field(description="Units kept back from new reservations")] = 0
    backorder_limit: Annotated[Units, Field(description="How far promises may exceed what is on hand")] = 0
    low_stock_at: Annotated[Units, Field(description="Available units at which the staff hear of it; 0 is never")] = 0


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
    pass


class AvailabilityOut(Out):
    sku: str
    warehouse: str
    available: int


class AvailabilitiesOut(Out):
    items: list[AvailabilityOut]
    server_time: datetime


class AdjustmentIn(In):
    sku: Code
    warehouse: Code
    delta: Annotated[int, Field(strict=True, ge=-ON_HAND_MAX, le=ON_HAND_MAX), AfterValidator(_moves_something)]


class AdjustmentsIn(In):
    reason: Literal[Reason.RECEIPT, Reason.ADJUSTMENT, Reason.RETURN, Reason.DAMAGE]
    reference: Annotated[Text, StringConstraints(min_length=1, max_length=REFERENCE_LENGTH_MAX)] | None = None
    items: Annotated[list[AdjustmentIn], Field(min_length=1, max_length=ADJUSTMENTS_MAX)]


class AdjustedOut(Out):
    sku: str
    warehouse: str
    delta: int
    on_hand: int
    movement_id: MovementId


class AdjustmentsOut(Out):
    items: list[AdjustedOut]


@router.put(
    "/products/{key}/stock/{warehouse}",
    summary="Create a stock item or change its settings",
    responses=with_body(PermissionMissing, ProductNotFound, WarehouseNotFound, EtagMismatch, PreconditionMissing, LimitBelowReserved)
    | {201: {"model": SettingsOut, "description": "Created"}},
    dependencies=[requires(Permission.STOCK_CONFIGURE)],
)
async def configure_stock(
    key: PathKey,
    warehouse: PathKey,
    body: SettingsIn,
    precondition: RequiredPrecondition,
    *,
    database: CurrentDatabase,
    response: Response,
) -> SettingsOut:
    """With `If-None-Match: *` it creates, with `If-Match` and the ETag that you have read it changes."""
    settings = StockSettings(body.safety_stock, body.backorder_limit, body.low_stock_at)
    item, was_created = await database.transact(commands.configure_item, key, warehouse, settings, precondition)
    response.status_code = 201 if was_created else 200
    response.headers["ETag"] = f'"{item.version}"'
    return SettingsOut.of_item(item)


@router.get(
    "/products/{key}/stock/{warehouse}",
    summary="Read the settings of a stock item",
    responses=refusals(PermissionMissing, ProductNotFound, WarehouseNotFound, StockItemNotFound),
    dependencies=[requires(Permission.STOCK_READ)],
)
async def read_stock_settings(key: PathKey, warehouse: PathKey, database: CurrentDatabase, response: Response) -> SettingsOut:
    item = await database.autocommit(commands.find_item, key, warehouse)
    response.headers["ETag"] = f'"{item.version}"'
    return SettingsOut.of_item(item)


@router.get(
    "/stock",
    summary="List stock levels",
    responses=refusals(PermissionMissing, BadCursor),
    dependencies=[requires(Permission.STOCK_READ)],
)
async def list_levels(
    database: CurrentDatabase,
    page: RequestedPage,
    sku: Annotated[list[Code] | None, Query(max_length=AVAILABILITY_SKUS_MAX)] = None,
    warehouse: Annotated[list[Code] | None, Query(max_length=AVAILABILITY_SKUS_MAX)] = None,
) -> LevelPageOut:
    found = await database.autocommit(
        store.list_levels, skus=sku or [], warehouses=warehouse or [], position=page.position, limit=page.limit
    )
    return LevelPageOut(items=[LevelOut.of(level) for level in found.items], **page.cursors(found))


@router.get(
    "/stock/{item_id}",
    summary="Read a stock level",
    responses=refusals(PermissionMissing, StockItemNotFound),
    dependencies=[requires(Permission.STOCK_READ)],
)
async def read_level(item_id: ItemId, database: CurrentDatabase) -> LevelOut:
    level = await database.autocommit(store.find_level, item_id)
    if level is None:
        raise StockItemNotFound(str(item_id))
    return LevelOut.of(level)


@router.get(
    "/availability",
    summary="Read what can be reserved",
    responses=refusals(),
    dependencies=[requires(Permission.CATALOG_READ)],
)
async def read_availability(
    database: CurrentDatabase,
    sku: Annotated[list[Code], Query(min_length=1, max_length=AVAILABILITY_SKUS_MAX)],
    warehouse: Code | None = None,
) -> AvailabilitiesOut:
    """Of each sku in each warehouse where it is stocked. Unknown skus are left out."""
    return AvailabilitiesOut.of(await database.autocommit(store.read_availability, sku, warehouse))


@router.post(
    "/stock-adjustments",
    status_code=201,
    summary="Record units that arrived or left",
    responses=with_body(
        PermissionMissing,
        DuplicateItems,
        UnknownStockItem,
        InsufficientOnHand,
        StockBelowReserved,
        OnHandLimitExceeded,
        *OF_KEYED_REQUESTS,
    ),
)
async def adjust_stock(
    body: AdjustmentsIn,
    caller: Annotated[Caller, requires(Permission.STOCK_ADJUST)],
    keyed: Keyed,
    database: CurrentDatabase,
    response: Response,
) -> AdjustmentsOut:
    """All items or none. Each is written into the ledger."""
    adjustments = [Adjustment(item.sku, item.warehouse, item.delta) for item in body.items]

    async def adjust(connection: AsyncConnection) -> AdjustmentsOut:
        adjusted = await commands.adjust(
            connection, adjustments, reason=body.reason, reference=body.reference, actor=str(caller.account_id)
        )
        return AdjustmentsOut(items=[AdjustedOut.of(one) for one in adjusted])

    return await once(database, keyed.by(caller, body), adjust, answer_type=AdjustmentsOut, response=response)
