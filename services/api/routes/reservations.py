"""Reservations over HTTP."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import AfterValidator, Field, JsonValue, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.dependencies import CurrentDatabase, Keyed, requires
from services.api.once import mark_replay, once
from services.api.openapi import OF_KEYED_REQUESTS, refusals, with_body
from services.api.routing import StrictRoute
from services.api.wire import Code, In, Out, Text, small_json
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.model import AccountId
from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.reservations import commands
from services.inventory.reservations.errors import (
    DuplicateReference,
    IllegalTransition,
    InsufficientStock,
    ReservationExpired,
    ReservationNotFound,
    UnknownSku,
    UnknownWarehouse,
)
from services.inventory.reservations.model import (
    EXTERNAL_REF_LENGTH_MAX,
    HOLD_SECONDS_DEFAULT,
    HOLD_SECONDS_MAX,
    LINES_MAX,
    METADATA_BYTES_MAX,
    REASON_LENGTH_MAX,
    Order,
    OrderLine,
    Reservation,
    ReservationId,
    State,
    Strategy,
    Transition,
)
from services.inventory.stock.model import QUANTITY_MAX

router = APIRouter(prefix="/reservations", tags=["reservations"], route_class=StrictRoute)

Owner = Annotated[Caller, requires(Permission.RESERVATIONS_USE_OWN)]


class LineIn(In):
    sku: Annotated[Code, Field(examples=["TEE-M"])]
    quantity: Annotated[int, Field(strict=True, ge=1, le=QUANTITY_MAX, examples=[2])]
    warehouse: Annotated[Code | None, Field(examples=["AMS"])] = None


class OrderIn(In):
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=LINES_MAX)]
    strategy: Annotated[Strategy, Field(description="How a line without a warehouse finds one")] = Strategy.PRIORITY
    ttl_seconds: Annotated[int, Field(strict=True, ge=1, le=HOLD_SECONDS_MAX)] = HOLD_SECONDS_DEFAULT
    external_ref: Annotated[Text, StringConstraints(min_length=1, max_length=EXTERNAL_REF_LENGTH_MAX)] | None = None
    metadata: Annotated[dict[str, JsonValue], AfterValidator(small_json(METADATA_BYTES_MAX))] = Field(default_factory=dict)

    def order(self) -> Order:
        return Order(
            lines=tuple(OrderLine(line.sku, line.quantity, line.warehouse) for line in self.lines),
            strategy=self.strategy,
            hold_seconds=self.ttl_seconds,
            external_ref=self.external_ref,
            metadata=self.metadata,
        )


class CancellationIn(In):
    reason: Annotated[Text, StringConstraints(min_length=1, max_length=REASON_LENGTH_MAX)] | None = None


class NothingIn(In):
    """A body that says nothing; a member in it would be a misunderstanding."""


class LineOut(Out):
    sku: str
    warehouse: str
    quantity: int
    fulfilled: int
    released: int


class ReservationOut(Out):
    id: ReservationId
    state: State
    external_ref: str | None
    account_id: AccountId
    lines: list[LineOut]
    created_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None
    closed_at: datetime | None
    close_reason: str | None
    version: int
    server_time: datetime
    metadata: dict[str, JsonValue]
    links: Annotated[dict[str, str], Field(description="What you can do with it now")]

    @classmethod
    def of_reservation(cls, reservation: Reservation, caller: Caller) -> Self:
        return cls.model_validate(
            {
                "id": reservation.reservation_id,
                "state": reservation.state,
                "external_ref": reservation.external_ref,
                "account_id": reservation.account_id,
                "lines": [LineOut.of(line) for line in reservation.lines],
                "created_at": reservation.created_at,
                "expires_at": reservation.expires_at,
                "confirmed_at": reservation.confirmed_at,
                "closed_at": reservation.closed_at,
                "close_reason": reservation.close_reason,
                "version": reservation.version,
                "server_time": reservation.read_at,
                "metadata": reservation.metadata,
                "links": _links(reservation, caller),
            }
        )


def _links(reservation: Reservation, caller: Caller) -> dict[str, str]:
    path = f"/v1/reservations/{reservation.reservation_id}"
    possible = [transition for transition in Transition if commands.may(caller, transition, reservation)]
    return {"self": path} | {transition.value: f"{path}/{transition.value}" for transition in possible}


@router.post(
    "",
    status_code=201,
    summary="Hold stock",
    responses=with_body(PermissionMissing, InsufficientStock, DuplicateReference, UnknownSku, UnknownWarehouse, *OF_KEYED_REQUESTS),
)
async def place_reservation(body: OrderIn, caller: Owner, keyed: Keyed, database: CurrentDatabase, response: Response) -> ReservationOut:
    """Every line, or none. The units are yours until `expires_at`; confirm the reservation by then."""
    placed = await commands.place(database, keyed.by(caller, body), body.order())
    mark_replay(response, is_replay=placed.is_replay)
    answer = ReservationOut.of_reservation(placed.reservation, caller)
    response.headers["Location"] = answer.links["self"]
    return _with_etag(answer, response)


@router.get(
    "/{reservation_id}",
    summary="Read a reservation",
    responses=refusals(PermissionMissing, ReservationNotFound),
)
async def read_reservation(reservation_id: ReservationId, caller: Owner, database: CurrentDatabase, response: Response) -> ReservationOut:
    reservation = await database.autocommit(commands.find, reservation_id, caller)
    return _with_etag(ReservationOut.of_reservation(reservation, caller), response)


@router.post(
    "/{reservation_id}/confirm",
    summary="Confirm a held reservation",
    responses=with_body(PermissionMissing, ReservationNotFound, ReservationExpired, IllegalTransition, *OF_KEYED_REQUESTS),
)
async def confirm_reservation(
    reservation_id: ReservationId,
    caller: Owner,
    keyed: Keyed,
    *,
    database: CurrentDatabase,
    response: Response,
    _body: NothingIn | None = None,
) -> ReservationOut:
    """Its units are yours for good, and a mail says so. Confirming it again changes nothing."""

    async def confirm(connection: AsyncConnection) -> ReservationOut:
        return ReservationOut.of_reservation(await commands.confirm(connection, reservation_id, caller), caller)

    return _with_etag(await once(database, keyed.by(caller, None), confirm, answer_type=ReservationOut, response=response), response)


@router.post(
    "/{reservation_id}/cancel",
    summary="Cancel a reservation",
    responses=with_body(PermissionMissing, ReservationNotFound, ReservationExpired, IllegalTransition, *OF_KEYED_REQUESTS),
)
async def cancel_reservation(
    reservation_id: ReservationId,
    caller: Owner,
    keyed: Keyed,
    *,
    database: CurrentDatabase,
    response: Response,
    body: CancellationIn | None = None,
) -> ReservationOut:
    """Its units go back to everybody, and a mail says so. Cancelling it again changes nothing."""
    reason = body.reason if body else None

    async def cancel(connection: AsyncConnection) -> ReservationOut:
        return ReservationOut.of_reservation(await commands.cancel(connection, reservation_id, caller, reason=reason), caller)

    return _with_etag(
        await once(database, keyed.by(caller, body or CancellationIn()), cancel, answer_type=ReservationOut, response=response), response
    )


def _with_etag(answer: ReservationOut, response: Response) -> ReservationOut:
    response.headers["ETag"] = f'"{answer.version}"'
    return answer
