"""What the views and functions in the database say of reservations, as the dataclasses of the model."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NotRequired, TypedDict
from uuid import UUID

from sqlalchemy import RowMapping

from services.inventory.accounts.model import AccountId
from services.inventory.reservations.model import Line, Reservation, ReservationId, State
from services.inventory.stock.model import ItemId


def reservation_of(row: RowMapping) -> Reservation:
    return Reservation(**{**row, "state": State(row["state"]), "lines": _lines(row["lines"])})


class _LineFacts(TypedDict):
    item_id: str
    sku: str
    warehouse: str
    quantity: int
    fulfilled: NotRequired[int]
    released: NotRequired[int]


class _HeldFacts(TypedDict):
    """The answer of reserve.sql, also as the idempotency key keeps it."""

    reservation_id: str
    account_id: str
    external_ref: str | None
    lines: list[_LineFacts]
    created_at: str
    expires_at: str
    metadata: dict[str, object]


def held_of(facts: _HeldFacts) -> Reservation:
    created_at = _instant(facts["created_at"])
    return Reservation(
        reservation_id=ReservationId(UUID(facts["reservation_id"])),
        account_id=AccountId(UUID(facts["account_id"])),
        external_ref=facts["external_ref"],
        state=State.HELD,
        lines=_lines(facts["lines"]),
        created_at=created_at,
        expires_at=_instant(facts["expires_at"]),
        confirmed_at=None,
        closed_at=None,
        close_reason=None,
        version=1,
        metadata=facts["metadata"],
        read_at=created_at,
    )


def _lines(facts: Sequence[_LineFacts]) -> tuple[Line, ...]:
    return tuple(
        Line(
            item_id=ItemId(UUID(line["item_id"])),
            sku=line["sku"],
            warehouse=line["warehouse"],
            quantity=line["quantity"],
            fulfilled=line.get("fulfilled", 0),
            released=line.get("released", 0),
        )
        for line in facts
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
