"""Reservations as a list over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.api import limits
from services.api.dependencies import CurrentDatabase, requires
from services.api.openapi import refusals
from services.api.paging import RequestedPage
from services.api.representations import ExternalRef, ReservationOut
from services.api.routing import StrictRoute
from services.api.wire import Code, Instant, PageOut
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.model import AccountId
from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.reservations import listing
from services.inventory.reservations.listing import ReservationFilters
from services.inventory.reservations.model import State
from services.runtime.paging import BadCursor

router = APIRouter(prefix="/reservations", tags=["reservations"], route_class=StrictRoute)


class ReservationPageOut(PageOut[ReservationOut]):
    pass


@router.get("", summary="List reservations", responses=refusals(PermissionMissing, BadCursor))
@limits.account
async def list_reservations(
    caller: Annotated[Caller, requires(Permission.RESERVATIONS_USE_OWN)],
    database: CurrentDatabase,
    page: RequestedPage,
    *,
    state: Annotated[State | None, Query(description="By the database's clock: a hold whose time is over is `expired`")] = None,
    external_ref: Annotated[ExternalRef | None, Query()] = None,
    sku: Code | None = None,
    warehouse: Code | None = None,
    expires_before: Instant | None = None,
    expires_after: Instant | None = None,
    created_after: Instant | None = None,
    account_id: Annotated[AccountId | None, Query(description="Whose; for the staff")] = None,
) -> ReservationPageOut:
    """The newest first: your own, or for the staff everybody's."""
    sees_all = caller.may(Permission.RESERVATIONS_READ_ANY)
    if account_id is not None and not sees_all:
        raise PermissionMissing(Permission.RESERVATIONS_READ_ANY)
    filters = ReservationFilters(
        account_id=account_id if sees_all else caller.account_id,
        state=state,
        external_ref=external_ref,
        sku=sku,
        warehouse=warehouse,
        expires_before=expires_before,
        expires_after=expires_after,
        created_after=created_after,
    )
    found = await database.autocommit(listing.list_reservations, filters, window=page.window)
    return ReservationPageOut(items=[ReservationOut.of_reservation(one, caller) for one in found.items], **page.about(found))
