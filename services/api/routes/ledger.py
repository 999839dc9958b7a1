"""The ledger over HTTP: every unit that ever came or went."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.api import limits
from services.api.dependencies import CurrentDatabase, requires
from services.api.openapi import refusals
from services.api.paging import RequestedPage
from services.api.routing import StrictRoute
from services.api.wire import Code, Instant, Out, PageOut, Text
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Permission
from services.inventory.stock import listing
from services.inventory.stock.listing import MovementFilters
from services.inventory.stock.model import REFERENCE_LENGTH_MAX, ItemId, MovementId, Reason
from services.runtime.paging import BadCursor

router = APIRouter(prefix="/stock-movements", tags=["stock"], route_class=StrictRoute)

ACTOR_LENGTH_MAX = 100  # of an account's id, or of the name of a program

Reference = Annotated[Text | None, Query(min_length=1, max_length=REFERENCE_LENGTH_MAX)]


class MovementOut(Out):
    movement_id: MovementId
    item_id: ItemId
    sku: str
    warehouse: str
    delta: int
    on_hand_after: int
    reason: Reason
    reference: str | None
    reservation_id: UUID | None
    actor: str
    created_at: datetime


class MovementPageOut(PageOut[MovementOut]):
    pass


@router.get(
    "",
    summary="List stock movements",
    dependencies=[requires(Permission.STOCK_READ)],
    responses=refusals(PermissionMissing, BadCursor),
)
@limits.account
async def list_movements(
    database: CurrentDatabase,
    page: RequestedPage,
    *,
    sku: Code | None = None,
    warehouse: Code | None = None,
    reason: Reason | None = None,
    reference: Reference = None,
    actor: Annotated[Text | None, Query(min_length=1, max_length=ACTOR_LENGTH_MAX, description="The id of whoever moved the units")] = None,
    moved_from: Annotated[Instant | None, Query(alias="from", description="The first instant of the span")] = None,
    moved_before: Annotated[Instant | None, Query(alias="to", description="The first instant after the span")] = None,
) -> MovementPageOut:
    """The newest first."""
    filters = MovementFilters(sku, warehouse, reason, reference, actor, moved_from, moved_before)
    found = await database.autocommit(listing.list_movements, filters, window=page.window)
    return MovementPageOut(items=[MovementOut.of(entry) for entry in found.items], **page.about(found))
