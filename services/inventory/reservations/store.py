"""Every statement about reservations. The two hot ones are functions in the database: reserve.sql and expire_due.sql."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import NotRequired, TypedDict
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Interval, LargeBinary, RowMapping, Text, Uuid, bindparam, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import AccountId
from services.inventory.reservations.errors import DuplicateReference, LineTooLarge, TooManyCandidates
from services.inventory.reservations.model import Line, Order, Placed, Problem, ProblemKind, Refused, Reservation, ReservationId, State
from services.inventory.reservations.tables import reservation_lines, reservation_now, reservations
from services.inventory.stock.model import ItemId
from services.runtime.database import Contention, constraint_name
from services.runtime.idempotency import IdempotencyInProgress, IdempotencyKey, IdempotencyKeyReused
from services.runtime.logs import request_id

_RESERVE = select(
    func.reserve(
        bindparam("account", type_=Uuid),
        bindparam("key", type_=Text),
        bindparam("fingerprint", type_=LargeBinary),
        bindparam("reservation", type_=Uuid),
        bindparam("skus", type_=ARRAY(Text)),
        bindparam("warehouses", type_=ARRAY(Text)),
        bindparam("quantities", type_=ARRAY(Integer)),
        bindparam("hold", type_=Interval),
        bindparam("external_ref", type_=Text),
        bindparam("metadata", type_=JSONB),
        bindparam("request_id", type_=Text),
        type_=JSONB,
    )
)
_EXPIRE_DUE = select(
    func.expire_due(bindparam("limit"), bindparam("items", type_=ARRAY(Uuid)), bindparam("reservations", type_=ARRAY(Uuid)))
)
_LOCK_LIVE = (
    select(reservations.c.reservation_id)
    .where(
        reservations.c.account_id == bindparam("account"),
        reservations.c.external_ref == bindparam("external_ref"),
        # Literals, not parameters: a plan that is made for any state cannot use the index of the live ones.
        reservations.c.state.in_([literal_column("'held'"), literal_column("'confirmed'")]),
    )
    .with_for_update(key_share=True)
)
_LOCK = select(reservations.c.reservation_id).where(reservations.c.reservation_id == bindparam("id")).with_for_update(key_share=True)

_FIND = select(reservation_now).where(reservation_now.c.reservation_id == bindparam("id"))

_of_id = reservations.c.reservation_id == bindparam("of_id")
_CONFIRM = (
    update(reservations)
    .where(_of_id)
    .values(state=State.CONFIRMED.value, confirmed_at=func.clock_timestamp(), version=reservations.c.version + 1)
)
_CANCEL = (
    update(reservations)
    .where(_of_id)
    .values(
        state=State.CANCELLED.value,
        closed_at=func.clock_timestamp(),
        close_reason=bindparam("reason"),
        version=reservations.c.version + 1,
    )
)
_RELEASE_LINES = (
    update(reservation_lines)
    .where(reservation_lines.c.reservation_id == bindparam("of_id"))
    .values(released=reservation_lines.c.quantity - reservation_lines.c.fulfilled)
)


async def reserve(connection: AsyncConnection, key: IdempotencyKey, reservation_id: ReservationId, order: Order) -> Placed | Refused:
    """Hold every line or none, or give the answer that the key has already: see reserve.sql.

    A transaction of its own, so the connection must be on autocommit.
    Refuses: DuplicateReference, IdempotencyKeyReused, IdempotencyInProgress, LineTooLarge, TooManyCandidates, Contention.
    """
    values = {
        "account": key.account_id,
        "key": key.key,
        "fingerprint": key.fingerprint,
        "reservation": reservation_id,
        "skus": [line.sku for line in order.lines],
        "warehouses": [line.warehouse for line in order.lines],
        "quantities": [line.quantity for line in order.lines],
        "hold": timedelta(seconds=order.hold_seconds),
        "external_ref": order.external_ref,
        "metadata": dict(order.metadata),
        "request_id": request_id.get(),
    }
    try:
        result = (await connection.execute(_RESERVE, values)).scalar_one()
    except IntegrityError as error:
        if constraint_name(error) == "one_live_reservation_per_reference" and order.external_ref is not None:
            raise DuplicateReference(AccountId(key.account_id), order.external_ref) from error
        if constraint_name(error) == "a_line_has_1_to_1000000_units":
            raise LineTooLarge from error
        raise
    outcome = result["outcome"]
    if outcome == "held":
        return Placed(_held(result["answer"]), result["is_replay"])
    if outcome == "refused":
        return Refused(
            tuple(Problem(**{**one, "kind": ProblemKind(one["kind"])}) for one in result["problems"]),
            tuple(ItemId(UUID(i)) for i in result["items"]),
            result["is_reclaimable"],
        )
    raise _REFUSALS[outcome]


_REFUSALS = {
    "too_many_candidates": TooManyCandidates,
    "key_reused": IdempotencyKeyReused,
    "key_in_progress": IdempotencyInProgress,
    "contention": Contention,
}


async def expire_due(
    connection: AsyncConnection,
    *,
    limit: int,
    items: Collection[ItemId] | None = None,
    reservation_ids: Collection[ReservationId] | None = None,
) -> int:
    """End up to `limit` holds whose time is over and give their units back; how many: see expire_due.sql.

    A transaction of its own, so the connection must be on autocommit, unless it names reservations that the caller has locked.
    """
    values = {
        "limit": limit,
        "items": None if items is None else list(items),
        "reservations": None if reservation_ids is None else list(reservation_ids),
    }
    count: int = (await connection.execute(_EXPIRE_DUE, values)).scalar_one()
    return count


async def find(connection: AsyncConnection, reservation_id: ReservationId) -> Reservation | None:
    """The reservation as it is by the database's clock: see reservation_now.sql."""
    row = (await connection.execute(_FIND, {"id": reservation_id})).mappings().one_or_none()
    return _reservation(row) if row else None


async def get(connection: AsyncConnection, reservation_id: ReservationId) -> Reservation:
    """The reservation, which is known to exist."""
    return _reservation((await connection.execute(_FIND, {"id": reservation_id})).mappings().one())


async def lock(connection: AsyncConnection, reservation_id: ReservationId) -> Reservation | None:
    """The reservation, which nobody else can change until this transaction ends.

    Two statements: what is read together with the lock may be older than the lock, the lines and the clock included.
    """
    if (await connection.execute(_LOCK, {"id": reservation_id})).one_or_none() is None:
        return None
    return await find(connection, reservation_id)


async def lock_live(connection: AsyncConnection, account_id: AccountId, external_ref: str) -> ReservationId | None:
    """The account's reservation with this reference whose row is held or confirmed, though its time may be over.

    Nobody else can change it until this transaction ends.
    """
    values = {"account": account_id, "external_ref": external_ref}
    found: ReservationId | None = (await connection.execute(_LOCK_LIVE, values)).scalar_one_or_none()
    return found


async def mark_confirmed(connection: AsyncConnection, reservation_id: ReservationId) -> None:
    """Lock the reservation and check its state first."""
    await connection.execute(_CONFIRM, {"of_id": reservation_id})


async def mark_cancelled(connection: AsyncConnection, reservation_id: ReservationId, *, reason: str) -> None:
    """End the reservation and every open unit of its lines. Lock it and check its state first."""
    await connection.execute(_RELEASE_LINES, {"of_id": reservation_id})
    await connection.execute(_CANCEL, {"of_id": reservation_id, "reason": reason})


def _reservation(row: RowMapping) -> Reservation:
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


def _held(facts: _HeldFacts) -> Reservation:
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
