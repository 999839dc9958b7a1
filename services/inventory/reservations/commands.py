"""What can be done with a reservation that exists. Each function is one unit of work inside the caller's transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.reservations import reading, store
from services.inventory.reservations.errors import (
    ExceedsOpenQuantity,
    IllegalTransition,
    ReservationExpired,
    ReservationNotFound,
    UnknownLine,
)
from services.inventory.reservations.events import ReservationCancelled, ReservationConfirmed, ReservationFulfilled
from services.inventory.reservations.model import LEADS_TO, LIFE_SECONDS_MAX, Reservation, ReservationId, Shipment, State, Transition
from services.inventory.stock import store as stock
from services.inventory.stock.errors import InsufficientOnHand
from services.inventory.stock.model import Change, Counters, Entry, ItemId, Movement, MovementId, Reason
from services.runtime import outbox
from services.runtime.errors import Fault
from services.runtime.ids import new_id
from services.runtime.preconditions import Precondition

# The permission to make a transition on anybody's reservation; without one, only its owner can.
_MAY_ANY: Mapping[Transition, Permission | None] = {
    Transition.CONFIRM: None,
    Transition.CANCEL: Permission.RESERVATIONS_CANCEL_ANY,
    Transition.EXTEND: None,
    Transition.REPLACE_LINES: None,
    Transition.FULFIL: Permission.RESERVATIONS_FULFIL,
}
_NOT_BY_OWNERS = frozenset({Transition.FULFIL})


@dataclass(frozen=True, slots=True)
class Target:
    """Who wants to change which reservation, and in which version of it."""

    reservation_id: ReservationId
    caller: Caller
    precondition: Precondition | None = None


async def confirm(connection: AsyncConnection, target: Target) -> Reservation:
    """Turn a live hold of the caller's into a promise without a clock. Confirming twice is confirming once.

    Locks the reservation, then its stock levels.
    Refuses: ReservationExpired, IllegalTransition, EtagMismatch, ReservationNotFound.
    """
    reservation = await lock_for(connection, Transition.CONFIRM, target)
    if reservation.state is State.CONFIRMED:
        return reservation
    await _change_levels(connection, {line.item_id: Change(held=-line.open, allocated=line.open) for line in reservation.lines})
    await store.mark_confirmed(connection, reservation.reservation_id)
    await outbox.append(connection, ReservationConfirmed(reservation.reservation_id, reservation.account_id))
    return await reading.get(connection, reservation.reservation_id)


async def cancel(connection: AsyncConnection, target: Target, *, reason: str | None) -> Reservation:
    """Give back every open unit of a live hold or a confirmed reservation. Cancelling twice is cancelling once.

    Locks the reservation, then its stock levels.
    Refuses: ReservationExpired, IllegalTransition, EtagMismatch, ReservationNotFound.
    """
    reservation = await lock_for(connection, Transition.CANCEL, target)
    if reservation.state is State.CANCELLED:
        return reservation
    await _release(connection, reservation)
    await store.end(connection, reservation.reservation_id, State.CANCELLED, reason=reason or "cancelled")
    await outbox.append(connection, ReservationCancelled(reservation.reservation_id, reservation.account_id))
    return await reading.get(connection, reservation.reservation_id)


async def extend(connection: AsyncConnection, target: Target, *, hold_seconds: int) -> Reservation:
    """Let a live hold last until so many seconds from now, if that is later, but no further than its greatest age.

    Never revives a hold whose time is over. Locks the reservation.
    Refuses: ReservationExpired, IllegalTransition, EtagMismatch, ReservationNotFound.
    """
    reservation = await lock_for(connection, Transition.EXTEND, target)
    await store.extend(connection, reservation.reservation_id, hold_seconds=hold_seconds, life_seconds_max=LIFE_SECONDS_MAX)
    return await reading.get(connection, reservation.reservation_id)


async def fulfil(connection: AsyncConnection, target: Target, *, shipments: Sequence[Shipment] | None) -> Reservation:
    """Ship units of a confirmed reservation, all that are open if none are named. The last unit fulfils it.

    Locks the reservation, then its stock levels; writes each line into the ledger.
    Refuses: IllegalTransition, ReservationExpired, UnknownLine, ExceedsOpenQuantity, InsufficientOnHand, EtagMismatch,
    ReservationNotFound.
    """
    reservation = await lock_for(connection, Transition.FULFIL, target)
    units = _units_to_ship(reservation, shipments)
    if not units:  # all of it has left already; whoever names units would ship more
        return reservation
    counters = await stock.lock_levels(connection, units.keys())
    _refuse_missing(reservation, units, counters)
    await stock.change_levels(connection, {item_id: Change(on_hand=-count, allocated=-count) for item_id, count in units.items()})
    await stock.add_movements(connection, _movements(reservation, units, counters, target.caller))
    await store.add_fulfilled(connection, reservation.reservation_id, units)
    if sum(units.values()) == sum(line.open for line in reservation.lines):
        await store.end(connection, reservation.reservation_id, State.FULFILLED, reason="fulfilled")
        await outbox.append(connection, ReservationFulfilled(reservation.reservation_id, reservation.account_id))
    else:
        await store.touch(connection, reservation.reservation_id)
    return await reading.get(connection, reservation.reservation_id)


async def find(connection: AsyncConnection, reservation_id: ReservationId, caller: Caller) -> Reservation:
    """The reservation, if the caller may know of it. Refuses: ReservationNotFound."""
    found = await reading.find(connection, reservation_id)
    if found is None or not (found.account_id == caller.account_id or caller.may(Permission.RESERVATIONS_READ_ANY)):
        raise ReservationNotFound(reservation_id)
    return found


def may(caller: Caller, transition: Transition, reservation: Reservation) -> bool:
    """Whether this caller can make this transition now."""
    return reservation.may(transition) and _may_touch(caller, transition, reservation)


async def lock_for(connection: AsyncConnection, transition: Transition, target: Target) -> Reservation:
    """The reservation, locked: either in a state from which the transition may be made, or in the one to which it leads.

    Someone else's is not found, never forbidden. Refuses: ReservationNotFound, EtagMismatch, ReservationExpired, IllegalTransition.
    """
    reservation = await store.lock(connection, target.reservation_id)
    if reservation is None or not _may_touch(target.caller, transition, reservation):
        raise ReservationNotFound(target.reservation_id)
    if target.precondition is not None:
        target.precondition.check(reservation.version)
    if reservation.may(transition) or reservation.state is LEADS_TO.get(transition):
        return reservation
    if reservation.state is State.EXPIRED:
        raise ReservationExpired(reservation.reservation_id, reservation.expires_at)
    raise IllegalTransition(reservation.reservation_id, transition, reservation.state)


def _may_touch(caller: Caller, transition: Transition, reservation: Reservation) -> bool:
    permission = _MAY_ANY[transition]
    if permission is not None and caller.may(permission):
        return True
    return reservation.account_id == caller.account_id and transition not in _NOT_BY_OWNERS


async def _change_levels(connection: AsyncConnection, changes: Mapping[ItemId, Change]) -> None:
    await stock.lock_levels(connection, changes.keys())
    await stock.change_levels(connection, changes)


def _units_to_ship(reservation: Reservation, shipments: Sequence[Shipment] | None) -> Mapping[ItemId, int]:
    if shipments is None:
        return {line.item_id: line.open for line in reservation.lines if line.open}
    lines = {(line.sku, line.warehouse): line for line in reservation.lines}
    unknown = [_fault(n, one) for n, one in enumerate(shipments) if (one.sku, one.warehouse) not in lines]
    if unknown:
        raise UnknownLine(unknown)
    units: Counter[ItemId] = Counter()
    for one in shipments:
        units[lines[one.sku, one.warehouse].item_id] += one.quantity
    exceeding = [
        {**_fault(n, one), "open": lines[one.sku, one.warehouse].open}
        for n, one in enumerate(shipments)
        if units[lines[one.sku, one.warehouse].item_id] > lines[one.sku, one.warehouse].open
    ]
    if exceeding:
        raise ExceedsOpenQuantity(exceeding)
    return units


def _refuse_missing(reservation: Reservation, units: Mapping[ItemId, int], counters: Mapping[ItemId, Counters]) -> None:
    """Backordered units can be promised, but not shipped before they arrive."""
    missing: list[Fault] = [
        {"sku": line.sku, "warehouse": line.warehouse, "requested": units[line.item_id], "on_hand": counters[line.item_id].on_hand}
        for line in reservation.lines
        if line.item_id in units and units[line.item_id] > counters[line.item_id].on_hand
    ]
    if missing:
        raise InsufficientOnHand(missing)


def _movements(
    reservation: Reservation, units: Mapping[ItemId, int], counters: Mapping[ItemId, Counters], caller: Caller
) -> list[Movement]:
    return [
        Movement(
            movement_id=MovementId(new_id()),
            item_id=item_id,
            delta=-count,
            on_hand_after=counters[item_id].on_hand - count,
            entry=Entry(Reason.FULFILMENT, reservation.external_ref, actor=str(caller.account_id)),
            reservation_id=reservation.reservation_id,
        )
        for item_id, count in units.items()
    ]


async def _release(connection: AsyncConnection, reservation: Reservation) -> None:
    is_held = reservation.state is State.HELD
    changes = {
        line.item_id: Change(held=-line.open) if is_held else Change(allocated=-line.open) for line in reservation.lines if line.open
    }
    await _change_levels(connection, changes)


def _fault(position: int, shipment: Shipment) -> Fault:
    return {"pointer": f"/items/{position}", "sku": shipment.sku, "warehouse": shipment.warehouse, "requested": shipment.quantity}
