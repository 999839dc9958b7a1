"""The transitions of a reservation over HTTP. Each takes an Idempotency-Key and an optional If-Match."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Concatenate, ParamSpec

from fastapi import APIRouter, Response
from pydantic import AfterValidator, Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api import limits
from services.api.dependencies import CurrentDatabase, Keyed, KeyedRequest, OptionalPrecondition, made_at_once, requires
from services.api.once import once
from services.api.openapi import OF_KEYED_REQUESTS, Responses, answers, with_body
from services.api.representations import ReservationOut, with_etag
from services.api.routing import StrictRoute
from services.api.wire import Code, In, Text
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.reservations import commands
from services.inventory.reservations.commands import Target
from services.inventory.reservations.errors import ExceedsOpenQuantity, IllegalTransition, ReservationExpired, ReservationNotFound
from services.inventory.reservations.model import (
    HOLD_SECONDS_MAX,
    LINES_MAX,
    OUR_REASONS,
    REASON_LENGTH_MAX,
    Reservation,
    ReservationId,
    Shipment,
)
from services.inventory.stock.errors import InsufficientOnHand
from services.inventory.stock.model import QUANTITY_MAX
from services.runtime.database import Database
from services.runtime.errors import Refusal
from services.runtime.preconditions import EtagMismatch

router = APIRouter(prefix="/reservations/{reservation_id}", tags=["reservations"], route_class=StrictRoute)

Owner = Annotated[Caller, requires(Permission.RESERVATIONS_USE_OWN)]
P = ParamSpec("P")


class NothingIn(In):
    """A body that says nothing; a member in it would be a misunderstanding."""


def _not_ours(reason: str) -> str:
    if reason in OUR_REASONS:
        raise ValueError("is what Holdfast says when nobody cancelled; use other words")
    return reason


CancellationReason = Annotated[Text, StringConstraints(min_length=1, max_length=REASON_LENGTH_MAX), AfterValidator(_not_ours)]


class CancellationIn(In):
    reason: Annotated[CancellationReason | None, Field(examples=["changed my mind"])] = None


class ExtensionIn(In):
    ttl_seconds: Annotated[int, Field(strict=True, ge=1, le=HOLD_SECONDS_MAX, examples=[600])]


class ShipmentIn(In):
    sku: Code
    warehouse: Code
    quantity: Annotated[int, Field(strict=True, ge=1, le=QUANTITY_MAX)]


class FulfilmentIn(In):
    items: Annotated[list[ShipmentIn], Field(min_length=1, max_length=LINES_MAX)] | None = None


class Transitions:
    """Runs a transition once for its key, and answers with the reservation as it left it."""

    def __init__(
        self, reservation_id: ReservationId, keyed: Keyed, precondition: OptionalPrecondition, database: CurrentDatabase, response: Response
    ) -> None:
        self._reservation_id = reservation_id
        self._keyed: KeyedRequest = keyed
        self._precondition = precondition
        self._database: Database = database
        self._response = response

    async def make(
        self,
        caller: Caller,
        body: In | None,
        command: Callable[Concatenate[AsyncConnection, Target, P], Awaitable[Reservation]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> ReservationOut:
        target = Target(self._reservation_id, caller, self._precondition)

        async def work(connection: AsyncConnection) -> ReservationOut:
            return ReservationOut.of_reservation(await command(connection, target, *args, **kwargs), caller)

        key = self._keyed.by(caller, body)
        answer = await once(self._database, key, work, answer_type=ReservationOut, response=self._response)
        return with_etag(answer, self._response)


Requested = Annotated[Transitions, made_at_once(Transitions)]


def _responses(*classes: type[Refusal], success: int = 200) -> Responses:
    refused = (PermissionMissing, ReservationNotFound, ReservationExpired, IllegalTransition, EtagMismatch, *classes)
    return with_body(*refused, *OF_KEYED_REQUESTS) | answers(success, "ETag")


@router.post("/confirm", summary="Confirm a held reservation", responses=_responses())
@limits.account
async def confirm_reservation(caller: Owner, transitions: Requested, _body: NothingIn | None = None) -> ReservationOut:
    """Its units are yours for good, and a mail says so. Confirming it again changes nothing."""
    return await transitions.make(caller, None, commands.confirm)


@router.post("/cancel", summary="Cancel a reservation", responses=_responses())
@limits.account
async def cancel_reservation(caller: Owner, transitions: Requested, body: CancellationIn | None = None) -> ReservationOut:
    """Its units go back to everybody, and a mail says so. Cancelling it again changes nothing."""
    return await transitions.make(caller, body or CancellationIn(), commands.cancel, reason=body.reason if body else None)


@router.post("/extend", summary="Hold it for longer", responses=_responses())
@limits.account
async def extend_reservation(body: ExtensionIn, caller: Owner, transitions: Requested) -> ReservationOut:
    """Until so many seconds from now, if that is later; never further than two hours from its creation, and never once it is over."""
    return await transitions.make(caller, body, commands.extend, hold_seconds=body.ttl_seconds)


@router.post(
    "/fulfilments",
    status_code=201,
    summary="Ship units of a confirmed reservation",
    responses=_responses(ExceedsOpenQuantity, InsufficientOnHand, success=201),
)
@limits.account
async def fulfil_reservation(
    caller: Annotated[Caller, requires(Permission.RESERVATIONS_FULFIL)], transitions: Requested, body: FulfilmentIn | None = None
) -> ReservationOut:
    """All open units if none are named. With the last one the reservation is fulfilled, and a mail says so."""
    items = body.items if body else None
    shipments = [Shipment(item.sku, item.warehouse, item.quantity) for item in items] if items else None
    return await transitions.make(caller, body or FulfilmentIn(), commands.fulfil, shipments=shipments)
