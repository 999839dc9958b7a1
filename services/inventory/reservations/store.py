"""Every statement that changes reservations or locks them, but for those that place one (reserving.py)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import ARRAY, Integer, Interval, Uuid, bindparam, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import AccountId
from services.inventory.reservations import reading
from services.inventory.reservations.model import Reservation, ReservationId, State
from services.inventory.reservations.tables import reservation_lines, reservations
from services.inventory.stock.model import ItemId

_EXPIRE_DUE = text("SELECT expire_due(:limit, :items, :reservations)")
_LOCK_LIVE = reading.FIND_LIVE.with_for_update(key_share=True)
_LOCK = select(reservations.c.reservation_id).where(reservations.c.reservation_id == bindparam("id")).with_for_update(key_share=True)

_NEWEST_HOLDS = text(
    """
    SELECT DISTINCT hold.reservation_id
      FROM (SELECT reservation.reservation_id, line.item_id,
                   sum(line.quantity) OVER newest_first - line.quantity AS newer_units
              FROM reservation_lines line
              JOIN reservations reservation USING (reservation_id)
             WHERE reservation.state = 'held' AND line.item_id = ANY (:items)
            WINDOW newest_first AS (PARTITION BY line.item_id
                                    ORDER BY reservation.expires_at <= statement_timestamp() DESC, reservation.reservation_id DESC)) hold
      JOIN unnest(CAST(:items AS uuid[]), CAST(:excess AS int[])) AS wanted (item_id, units) USING (item_id)
     WHERE hold.newer_units < wanted.units
    """
)
_LOCK_MANY = text("SELECT 1 FROM reservations WHERE reservation_id = ANY (:ids) ORDER BY reservation_id FOR NO KEY UPDATE")

_of_id = reservations.c.reservation_id == bindparam("of_id")
_CONFIRM = (
    update(reservations)
    .where(_of_id)
    .values(state=State.CONFIRMED.value, confirmed_at=func.clock_timestamp(), version=reservations.c.version + 1)
)
_END = (
    update(reservations)
    .where(_of_id)
    .values(
        state=bindparam("ended_as"),
        closed_at=func.clock_timestamp(),
        close_reason=bindparam("reason"),
        version=reservations.c.version + 1,
    )
)
_TOUCH = update(reservations).where(_of_id).values(version=reservations.c.version + 1)
_SET_METADATA = _TOUCH.values(metadata=bindparam("new_metadata"))
_EXTEND = (
    update(reservations)
    .where(_of_id)
    .values(
        expires_at=func.least(
            func.greatest(reservations.c.expires_at, func.clock_timestamp() + bindparam("hold", type_=Interval)),
            reservations.c.created_at + bindparam("life", type_=Interval),
        ),
        version=reservations.c.version + 1,
    )
)
_shipped = (
    func.unnest(bindparam("item_ids", type_=ARRAY(Uuid)), bindparam("units", type_=ARRAY(Integer)))
    .table_valued("item_id", "units", name="shipped")
    .render_derived()
)
_ADD_FULFILLED = (
    update(reservation_lines)
    .where(reservation_lines.c.reservation_id == bindparam("of_id"), reservation_lines.c.item_id == _shipped.c.item_id)
    .values(fulfilled=reservation_lines.c.fulfilled + _shipped.c.units)
)
_DROP_LINES = delete(reservation_lines).where(reservation_lines.c.reservation_id == bindparam("of_id"))
_ADD_LINES = insert(reservation_lines)
_RELEASE = update(reservation_lines).values(released=reservation_lines.c.quantity - reservation_lines.c.fulfilled)
_RELEASE_LINES = _RELEASE.where(reservation_lines.c.reservation_id == bindparam("of_id"))
_RELEASE_ENDED = _RELEASE.where(
    reservation_lines.c.item_id == bindparam("of_item"),
    reservation_lines.c.reservation_id == reservations.c.reservation_id,
    reservations.c.closed_at.is_not(None),
)


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


async def lock(connection: AsyncConnection, reservation_id: ReservationId) -> Reservation | None:
    """The reservation, which nobody else can change until this transaction ends.

    Two statements: what is read together with the lock may be older than the lock, the lines and the clock included.
    """
    if (await connection.execute(_LOCK, {"id": reservation_id})).one_or_none() is None:
        return None
    return await reading.find(connection, reservation_id)


async def lock_live(connection: AsyncConnection, account_id: AccountId, external_ref: str) -> ReservationId | None:
    """The account's live reservation with this reference, as `reading.find_live` finds it, which nobody else can change now."""
    values = {"account": account_id, "external_ref": external_ref}
    found: ReservationId | None = (await connection.execute(_LOCK_LIVE, values)).scalar_one_or_none()
    return found


async def mark_confirmed(connection: AsyncConnection, reservation_id: ReservationId) -> None:
    """Lock the reservation and check its state first."""
    await connection.execute(_CONFIRM, {"of_id": reservation_id})


async def end(connection: AsyncConnection, reservation_id: ReservationId, state: State, *, reason: str) -> None:
    """End the reservation and every open unit of its lines. Lock it and check its state first."""
    await connection.execute(_RELEASE_LINES, {"of_id": reservation_id})
    await connection.execute(_END, {"of_id": reservation_id, "ended_as": state.value, "reason": reason})


async def release_ended(connection: AsyncConnection, item_id: ItemId) -> None:
    """End the units of the item that ended reservations should not have any more. No counter counts them."""
    await connection.execute(_RELEASE_ENDED, {"of_item": item_id})


async def lock_newest_holds(connection: AsyncConnection, excess: Mapping[ItemId, int]) -> Sequence[Reservation]:
    """The holds that give way first and together hold the excess of each item: those that are over, then the newest.

    Locked in ascending order. One that is over reads as expired though its row is still held.
    """
    if not excess:
        return []
    values = {"items": list(excess), "excess": list(excess.values())}
    ids = (await connection.execute(_NEWEST_HOLDS, values)).scalars().all()
    await connection.execute(_LOCK_MANY, {"ids": ids})
    holds = [found for found in await reading.find_many(connection, ids) if found.closed_at is None and found.confirmed_at is None]
    return sorted(holds, key=lambda hold: (hold.state is State.EXPIRED, hold.reservation_id), reverse=True)


async def extend(connection: AsyncConnection, reservation_id: ReservationId, *, hold_seconds: int, life_seconds_max: int) -> None:
    """Lock the reservation and check that it is live first. Never moves the end nearer."""
    values = {"of_id": reservation_id, "hold": timedelta(seconds=hold_seconds), "life": timedelta(seconds=life_seconds_max)}
    await connection.execute(_EXTEND, values)


async def add_fulfilled(connection: AsyncConnection, reservation_id: ReservationId, units: Mapping[ItemId, int]) -> None:
    """Count units of the lines as shipped. The constraint forbids more than there are."""
    values = {"of_id": reservation_id, "item_ids": list(units), "units": list(units.values())}
    await connection.execute(_ADD_FULFILLED, values)


async def touch(connection: AsyncConnection, reservation_id: ReservationId) -> None:
    """Its lines have changed: whoever read it before has an old version."""
    await connection.execute(_TOUCH, {"of_id": reservation_id})


async def replace_lines(connection: AsyncConnection, reservation_id: ReservationId, units: Mapping[ItemId, int]) -> None:
    """Give a held reservation other lines. Nothing of a hold is fulfilled or released, so no history is lost."""
    await connection.execute(_DROP_LINES, {"of_id": reservation_id})
    await connection.execute(
        _ADD_LINES, [{"reservation_id": reservation_id, "item_id": item, "quantity": count} for item, count in units.items()]
    )


async def set_metadata(connection: AsyncConnection, reservation_id: ReservationId, metadata: Mapping[str, object]) -> None:
    """Its lines or metadata have changed: whoever read it before has an old version."""
    await connection.execute(_SET_METADATA, {"of_id": reservation_id, "new_metadata": dict(metadata)})
