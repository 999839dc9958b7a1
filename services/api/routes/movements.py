"""Units that move, over HTTP: adjustments, counts, transfers."""

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api import limits
from services.api.dependencies import CurrentDatabase, Keyed, requires
from services.api.once import once
from services.api.openapi import OF_KEYED_REQUESTS, Responses, with_body
from services.api.routing import StrictRoute
from services.api.wire import Code, In, Out, Text, is_none
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.reservations.displacing import count_displacing
from services.inventory.reservations.reclaiming import reclaim_places
from services.inventory.stock import moving
from services.inventory.stock.errors import (
    CountConflict,
    DuplicateItems,
    InsufficientAvailable,
    InsufficientOnHand,
    OnHandLimitExceeded,
    StockBelowReserved,
    UnknownStockItem,
)
from services.inventory.stock.model import (
    ADJUSTMENTS_MAX,
    ON_HAND_MAX,
    QUANTITY_MAX,
    REFERENCE_LENGTH_MAX,
    Adjustment,
    Count,
    Entry,
    MovementId,
    OnError,
    OnShortage,
    Place,
    Reason,
    Transfer,
)
from services.runtime.errors import Refusal

router = APIRouter(tags=["stock"], route_class=StrictRoute)

Mover = Annotated[Caller, requires(Permission.STOCK_ADJUST)]
Reference = Annotated[Text, StringConstraints(min_length=1, max_length=REFERENCE_LENGTH_MAX)]
OnHand = Annotated[int, Field(strict=True, ge=0, le=ON_HAND_MAX)]


def _not_zero(delta: int) -> int:
    if delta == 0:
        raise ValueError("must not be 0")
    return delta


class AdjustmentIn(In):
    sku: Code
    warehouse: Code
    delta: Annotated[int, Field(strict=True, ge=-ON_HAND_MAX, le=ON_HAND_MAX), AfterValidator(_not_zero)]


class AdjustmentsIn(In):
    reason: Literal[Reason.RECEIPT, Reason.ADJUSTMENT, Reason.RETURN, Reason.DAMAGE]
    reference: Annotated[Reference | None, Field(examples=["delivery 4711"])] = None
    on_error: Annotated[OnError, Field(description="What becomes of the rest when an item is impossible")] = OnError.REJECT_ALL
    items: Annotated[list[AdjustmentIn], Field(min_length=1, max_length=ADJUSTMENTS_MAX)]


class CountIn(In):
    sku: Annotated[Code, Field(examples=["MUG"])]
    warehouse: Annotated[Code, Field(examples=["BER"])]
    counted: Annotated[OnHand, Field(examples=[90])]
    expected_on_hand: Annotated[OnHand, Field(examples=[90])]


class CountsIn(In):
    items: Annotated[list[CountIn], Field(min_length=1, max_length=ADJUSTMENTS_MAX)]
    on_shortage: Annotated[OnShortage, Field(description="What becomes of holds that no longer fit")] = OnShortage.REJECT


class TransferIn(In):
    sku: Code
    quantity: Annotated[int, Field(strict=True, ge=1, le=QUANTITY_MAX, examples=[5])]


class TransfersIn(In):
    source: Annotated[Code, Field(alias="from", examples=["AMS"])]
    target: Annotated[Code, Field(alias="to", examples=["BER"])]
    items: Annotated[list[TransferIn], Field(min_length=1, max_length=ADJUSTMENTS_MAX)]
    reference: Reference | None = None

    @field_validator("target")
    @classmethod
    def _elsewhere(cls, target: str, info: ValidationInfo) -> str:
        if target == info.data.get("source"):
            raise ValueError("must be another warehouse than from")
        return target


class MovedOut(Out):
    sku: str
    warehouse: str
    delta: int
    on_hand: int
    movement_id: MovementId | None


class MovementsOut(Out):
    items: list[MovedOut]


class NotMovedOut(Out):
    pointer: str
    sku: str
    warehouse: str
    delta: int
    on_hand: Annotated[int | None, Field(exclude_if=is_none, description="Where it is stocked")] = None
    promised: Annotated[int | None, Field(exclude_if=is_none, description="Where that is the reason")] = None
    code: Annotated[str, Field(examples=["insufficient_on_hand"])]


class AdjustmentsOut(MovementsOut):
    failed: Annotated[list[NotMovedOut], Field(description="With reject_failed: what did not move, and why")]


def _responses(*classes: type[Refusal]) -> Responses:
    return with_body(PermissionMissing, DuplicateItems, UnknownStockItem, *classes, *OF_KEYED_REQUESTS)


@router.post(
    "/stock-adjustments",
    status_code=201,
    summary="Record units that arrived or left",
    responses=_responses(InsufficientOnHand, StockBelowReserved, OnHandLimitExceeded),
)
@limits.account
async def adjust_stock(
    body: AdjustmentsIn, caller: Mover, keyed: Keyed, *, database: CurrentDatabase, response: Response
) -> AdjustmentsOut:
    """All items, or none; with `reject_failed` all that are possible. Each is written into the ledger."""
    adjustments = [Adjustment(item.sku, item.warehouse, item.delta) for item in body.items]
    entry = Entry(body.reason, body.reference, str(caller.account_id))

    await reclaim_places(database, [Place(item.sku, item.warehouse) for item in body.items])

    async def adjust(connection: AsyncConnection) -> AdjustmentsOut:
        moved, failed = await moving.adjust(connection, adjustments, on_error=body.on_error, entry=entry)
        return AdjustmentsOut(items=[MovedOut.of(one) for one in moved], failed=[NotMovedOut.of(fault) for fault in failed])

    return await once(database, keyed.by(caller, body), adjust, answer_type=AdjustmentsOut, response=response)


@router.post("/stock-counts", status_code=201, summary="Record what was counted", responses=_responses(CountConflict, StockBelowReserved))
@limits.account
async def count_stock(body: CountsIn, caller: Mover, keyed: Keyed, *, database: CurrentDatabase, response: Response) -> MovementsOut:
    """Sets `on_hand`, where it still is `expected_on_hand`. With `displace`, holds that no longer fit are ended, the newest first."""
    counts = [Count(item.sku, item.warehouse, item.counted, item.expected_on_hand) for item in body.items]
    entry = Entry(Reason.COUNT, None, str(caller.account_id))
    command = count_displacing if body.on_shortage is OnShortage.DISPLACE else moving.count

    await reclaim_places(database, [Place(item.sku, item.warehouse) for item in body.items])

    async def count(connection: AsyncConnection) -> MovementsOut:
        return MovementsOut(items=[MovedOut.of(one) for one in await command(connection, counts, entry=entry)])

    return await once(database, keyed.by(caller, body), count, answer_type=MovementsOut, response=response)


@router.post(
    "/stock-transfers",
    status_code=201,
    summary="Move units to another warehouse",
    responses=_responses(InsufficientAvailable, OnHandLimitExceeded),
)
@limits.account
async def transfer_stock(body: TransfersIn, caller: Mover, keyed: Keyed, *, database: CurrentDatabase, response: Response) -> MovementsOut:
    """All items, or none. Promised units stay where they are. The answer has what left, then what arrived."""
    transfers = [Transfer(item.sku, item.quantity) for item in body.items]
    entry = Entry(Reason.TRANSFER_OUT, body.reference, str(caller.account_id))

    await reclaim_places(database, [Place(item.sku, body.source) for item in body.items])

    async def transfer(connection: AsyncConnection) -> MovementsOut:
        moved = await moving.transfer(connection, body.source, body.target, transfers, entry=entry)
        return MovementsOut(items=[MovedOut.of(one) for one in moved])

    return await once(database, keyed.by(caller, body), transfer, answer_type=MovementsOut, response=response)
