"""Over HTTP: what people were told, and whether it arrived."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import Field

from services.api import limits
from services.api.dependencies import CurrentDatabase, requires
from services.api.openapi import refusals
from services.api.paging import RequestedPage
from services.api.routing import StrictRoute
from services.api.wire import EventName, Out, PageOut
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.model import AccountId
from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.notifications import listing
from services.inventory.notifications.listing import NotificationFilters, NotificationStatus
from services.inventory.notifications.model import NotificationId, NotificationState
from services.inventory.reservations.model import ReservationId
from services.runtime.paging import BadCursor

router = APIRouter(prefix="/notifications", tags=["notifications"], route_class=StrictRoute)

_NOT_YET = "it could not be delivered yet and will be tried again"
_NEVER = "it could not be delivered"


class NotificationOut(Out):
    notification_id: NotificationId
    kind: Annotated[str, Field(examples=["reservation.confirmed"])]
    state: NotificationState
    attempts: Annotated[int, Field(examples=[1])]
    last_error: Annotated[str | None, Field(description="Why the last attempt did not send; to its owner, no more than that it did not")]
    reservation_id: ReservationId | None
    created_at: datetime
    sent_at: datetime | None

    @classmethod
    def of_status(cls, status: NotificationStatus, caller: Caller) -> Self:
        """What a mail server says may name servers, other people's addresses and our mistakes: only the admin reads that."""
        shown = cls.of(status)
        if shown.last_error is None or caller.may(Permission.NOTIFICATIONS_READ_ANY):
            return shown
        return shown.model_copy(update={"last_error": _NEVER if status.state is NotificationState.DEAD else _NOT_YET})


class NotificationPageOut(PageOut[NotificationOut]):
    pass


@router.get("", summary="List notifications", responses=refusals(PermissionMissing, BadCursor))
@limits.account
async def list_notifications(
    caller: Annotated[Caller, requires(Permission.NOTIFICATIONS_READ_OWN)],
    database: CurrentDatabase,
    page: RequestedPage,
    *,
    account_id: Annotated[AccountId | None, Query(description="Whose; for the admin")] = None,
    kind: Annotated[EventName | None, Query(description="The event's name, such as `reservation.confirmed`")] = None,
    state: NotificationState | None = None,
    reservation_id: ReservationId | None = None,
) -> NotificationPageOut:
    """The newest first: what you were told by mail, or for the admin everybody. A sent one can be looked up for 90 days."""
    sees_all = caller.may(Permission.NOTIFICATIONS_READ_ANY)
    if account_id is not None and not sees_all:
        raise PermissionMissing(Permission.NOTIFICATIONS_READ_ANY)
    filters = NotificationFilters(account_id if sees_all else caller.account_id, kind, state, reservation_id)
    found = await database.autocommit(listing.list_notifications, filters, window=page.window)
    return NotificationPageOut(items=[NotificationOut.of_status(one, caller) for one in found.items], **page.about(found))
