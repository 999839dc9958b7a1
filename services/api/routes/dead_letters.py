"""Over HTTP: notifications that died, and what is to become of them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from services.api import limits
from services.api.dependencies import CurrentDatabase, CurrentOrigin, requires
from services.api.openapi import refusals
from services.api.paging import RequestedPage
from services.api.routing import StrictRoute
from services.api.wire import Out, PageOut
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.model import AccountId
from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.notifications import commands, listing
from services.inventory.notifications.errors import DeadLetterDiscarded, DeadLetterNotFound, DeadLetterReplayed
from services.inventory.notifications.model import DeadLetterState, NotificationId
from services.inventory.reservations.model import ReservationId
from services.runtime.paging import BadCursor

router = APIRouter(prefix="/dead-letters", tags=["admin"], route_class=StrictRoute)

Admin = Annotated[Caller, requires(Permission.DEAD_LETTERS_MANAGE)]


class AttemptOut(Out):
    at: Annotated[datetime, Field(description="When it ended")]
    error: Annotated[str, Field(examples=["550 no such user"])]


class PayloadOut(Out):
    """What the mail is made from; never the token of a link, which each attempt makes anew."""

    account_id: AccountId
    reservation_id: ReservationId | None
    request_id: str | None


class DeadLetterOut(Out):
    dead_letter_id: Annotated[NotificationId, Field(description="The id of the notification")]
    kind: Annotated[str, Field(examples=["reservation.confirmed"])]
    reason: Annotated[str, Field(description="Why it died", examples=["550 no such user"])]
    attempts: Annotated[list[AttemptOut], Field(description="The last ones, oldest first")]
    payload: PayloadOut
    created_at: Annotated[datetime, Field(description="When it died")]
    state: DeadLetterState


class DeadLetterPageOut(PageOut[DeadLetterOut]):
    pass


@router.get(
    "",
    summary="List dead letters",
    dependencies=[requires(Permission.DEAD_LETTERS_MANAGE)],
    responses=refusals(PermissionMissing, BadCursor),
)
@limits.account
async def list_dead_letters(
    database: CurrentDatabase, page: RequestedPage, *, state: DeadLetterState = DeadLetterState.DEAD
) -> DeadLetterPageOut:
    """Those that wait for a decision, unless another state is asked for; the last that died first."""
    found = await database.autocommit(listing.list_dead_letters, state, window=page.window)
    return DeadLetterPageOut(items=[DeadLetterOut.of(letter) for letter in found.items], **page.about(found))


@router.get(
    "/{dead_letter_id}",
    summary="Read a dead letter",
    dependencies=[requires(Permission.DEAD_LETTERS_MANAGE)],
    responses=refusals(PermissionMissing, DeadLetterNotFound),
)
@limits.account
async def read_dead_letter(dead_letter_id: NotificationId, database: CurrentDatabase) -> DeadLetterOut:
    return DeadLetterOut.of(await database.autocommit(commands.find_dead_letter, dead_letter_id))


@router.post(
    "/{dead_letter_id}/replay",
    status_code=202,
    summary="Send a dead letter after all",
    responses=refusals(PermissionMissing, DeadLetterNotFound, DeadLetterDiscarded),
)
@limits.account
async def replay_dead_letter(
    dead_letter_id: NotificationId, caller: Admin, database: CurrentDatabase, origin: CurrentOrigin
) -> DeadLetterOut:
    """It is due at once, with five attempts before it. Repair what it died of first. Twice is once, until it dies again."""
    letter = await database.transact(commands.replay, dead_letter_id, actor_id=caller.account_id, origin=origin)
    return DeadLetterOut.of(letter)


@router.post(
    "/{dead_letter_id}/discard",
    status_code=204,
    summary="Decide that a dead letter is never sent",
    responses=refusals(PermissionMissing, DeadLetterNotFound, DeadLetterReplayed),
)
@limits.account
async def discard_dead_letter(dead_letter_id: NotificationId, caller: Admin, database: CurrentDatabase, origin: CurrentOrigin) -> None:
    """For good. It stays to be read, and its owner goes on seeing that it did not arrive."""
    await database.transact(commands.discard, dead_letter_id, actor_id=caller.account_id, origin=origin)
