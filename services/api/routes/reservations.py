"""Placing, reading and changing reservations over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import StringConstraints

from services.api import limits
from services.api.dependencies import CurrentDatabase, Keyed, OptionalPrecondition, assembled, requires
from services.api.once import mark_replay
from services.api.openapi import OF_KEYED_REQUESTS, answers, refusals, with_body
from services.api.representations import CartIn, LinesIn, OrderIn, ReservationOut, quota_of, with_etag
from services.api.routing import StrictRoute
from services.api.wire import PathText
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.reservations import commands, placing
from services.inventory.reservations.errors import (
    DuplicateReference,
    HoldLimitExceeded,
    IllegalTransition,
    InsufficientStock,
    ReservationExpired,
    ReservationNotFound,
    UnknownSku,
    UnknownWarehouse,
)
from services.inventory.reservations.model import EXTERNAL_REF_LENGTH_MAX, ReservationId
from services.runtime.preconditions import EtagMismatch

router = APIRouter(prefix="/reservations", tags=["reservations"], route_class=StrictRoute)

Owner = Annotated[Caller, requires(Permission.RESERVATIONS_USE_OWN)]
PathRef = Annotated[PathText, StringConstraints(min_length=1, max_length=EXTERNAL_REF_LENGTH_MAX)]

OF_PLACING = (PermissionMissing, InsufficientStock, HoldLimitExceeded, UnknownSku, UnknownWarehouse)
OF_REPLACING = (*OF_PLACING, ReservationExpired, IllegalTransition, EtagMismatch)


@router.post(
    "",
    status_code=201,
    summary="Hold stock",
    responses=with_body(*OF_PLACING, DuplicateReference, *OF_KEYED_REQUESTS) | answers(201, "ETag", "Location"),
)
@limits.account
@limits.placing
async def place_reservation(
    body: OrderIn, caller: Owner, keyed: Keyed, *, request: Request, database: CurrentDatabase, response: Response
) -> ReservationOut:
    """Every line, or none. The units are yours until `expires_at`; confirm the reservation by then."""
    parts = assembled(request)
    order = body.order(quota_of(caller, parts.resources.settings))
    placed = await placing.place(database, keyed.by(caller, body), order, batches=parts.batches)
    mark_replay(response, is_replay=placed.is_replay)
    answer = ReservationOut.of_reservation(placed.reservation, caller)
    response.headers["Location"] = answer.links["self"]
    return with_etag(answer, response)


@router.put(
    "/by-ref/{external_ref}",
    summary="Make or change the reservation with a reference",
    responses=with_body(*OF_REPLACING) | answers(200, "ETag") | answers(201, "ETag", "Location", model=ReservationOut),
)
@limits.account
@limits.placing
async def put_cart(
    external_ref: PathRef, body: CartIn, caller: Owner, *, request: Request, database: CurrentDatabase, response: Response
) -> ReservationOut:
    """The cart: the same content twice changes nothing, and changing it never moves `expires_at`; extend does."""
    order = body.order(quota_of(caller, assembled(request).resources.settings))
    reservation, was_made = await placing.put_cart(database, caller, external_ref, order)
    answer = ReservationOut.of_reservation(reservation, caller)
    if was_made:
        response.status_code = 201
        response.headers["Location"] = answer.links["self"]
    return with_etag(answer, response)


@router.get(
    "/{reservation_id}",
    summary="Read a reservation",
    responses=refusals(PermissionMissing, ReservationNotFound) | answers(200, "ETag"),
)
@limits.account
async def read_reservation(reservation_id: ReservationId, caller: Owner, database: CurrentDatabase, response: Response) -> ReservationOut:
    """Your own; for the staff anybody's."""
    reservation = await database.autocommit(commands.find, reservation_id, caller)
    return with_etag(ReservationOut.of_reservation(reservation, caller), response)


@router.put(
    "/{reservation_id}/lines",
    summary="Replace the lines of a held reservation",
    responses=with_body(*OF_REPLACING, ReservationNotFound) | answers(200, "ETag"),
)
@limits.account
@limits.placing
async def replace_lines(
    reservation_id: ReservationId,
    body: LinesIn,
    caller: Owner,
    precondition: OptionalPrecondition,
    *,
    request: Request,
    database: CurrentDatabase,
    response: Response,
) -> ReservationOut:
    """All of them, or none changes. What you hold already never stands in your own way."""
    order = body.order(quota_of(caller, assembled(request).resources.settings))
    target = commands.Target(reservation_id, caller, precondition)
    return with_etag(ReservationOut.of_reservation(await placing.replace_lines(database, target, order), caller), response)
