"""Reservations as the routes take and show them."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Self

from fastapi import Response
from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from services.api.wire import Code, In, Out, Text, small_json
from services.inventory.accounts.model import AccountId
from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.reservations import commands
from services.inventory.reservations.model import (
    EXTERNAL_REF_LENGTH_MAX,
    HOLD_SECONDS_DEFAULT,
    HOLD_SECONDS_MAX,
    LINES_MAX,
    METADATA_BYTES_MAX,
    Order,
    OrderLine,
    Quota,
    Reservation,
    ReservationId,
    State,
    Strategy,
    Transition,
)
from services.inventory.stock.model import QUANTITY_MAX
from services.runtime.settings import Settings

ExternalRef = Annotated[Text, StringConstraints(min_length=1, max_length=EXTERNAL_REF_LENGTH_MAX)]


class LineIn(In):
    sku: Code
    quantity: Annotated[int, Field(strict=True, ge=1, le=QUANTITY_MAX)]
    warehouse: Annotated[Code | None, Field(examples=["AMS"])] = None


_LINES = [{"sku": "TEE-M", "quantity": 2, "warehouse": "AMS"}, {"sku": "MUG", "quantity": 1}]


class LinesIn(In):
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=LINES_MAX, examples=[_LINES])]
    strategy: Annotated[Strategy, Field(description="How a line without a warehouse finds one")] = Strategy.PRIORITY

    def order(self, quota: Quota | None) -> Order:
        lines = tuple(OrderLine(line.sku, line.quantity, line.warehouse) for line in self.lines)
        return Order(lines=lines, strategy=self.strategy, quota=quota)


class CartIn(LinesIn):
    ttl_seconds: Annotated[int, Field(strict=True, ge=1, le=HOLD_SECONDS_MAX, examples=[HOLD_SECONDS_DEFAULT])] = HOLD_SECONDS_DEFAULT
    metadata: Annotated[dict[str, JsonValue], AfterValidator(small_json(METADATA_BYTES_MAX)), Field(examples=[{"channel": "web"}])] = Field(
        default_factory=dict
    )

    def order(self, quota: Quota | None) -> Order:
        return replace(super().order(quota), hold_seconds=self.ttl_seconds, metadata=self.metadata)


class OrderIn(CartIn):
    external_ref: ExternalRef | None = None

    def order(self, quota: Quota | None) -> Order:
        return replace(super().order(quota), external_ref=self.external_ref)


def quota_of(caller: Caller, settings: Settings) -> Quota | None:
    """How much the caller may have on hold; None is as much as they like."""
    if caller.may(Permission.RESERVATIONS_WITHOUT_QUOTA):
        return None
    return Quota(settings.open_holds_per_account, settings.units_on_hold_per_sku)


class LineOut(Out):
    sku: str
    warehouse: str
    quantity: int
    fulfilled: int
    released: int


def _in_order(links: dict[str, str]) -> dict[str, str]:
    """The jsonb in which an answer is kept reorders members, and a replay is the same bytes."""
    return {relation: links[relation] for relation in ("self", *Transition) if relation in links}


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
    links: Annotated[dict[str, str], AfterValidator(_in_order), Field(description="What you can do with it now")]

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


def with_etag(answer: ReservationOut, response: Response) -> ReservationOut:
    response.headers["ETag"] = f'"{answer.version}"'
    return answer
