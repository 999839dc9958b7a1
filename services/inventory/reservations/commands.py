"""What can be done with a reservation."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.reservations import store
from services.inventory.reservations.errors import (
    DuplicateReference,
    IllegalTransition,
    InsufficientStock,
    LineTooLarge,
    ReservationExpired,
    ReservationNotFound,
    UnknownSku,
    UnknownWarehouse,
    WarehouseMissing,
)
from services.inventory.reservations.events import ReservationCancelled, ReservationConfirmed
from services.inventory.reservations.model import (
    LEADS_TO,
    Order,
    Placed,
    Problem,
    ProblemKind,
    Reservation,
    ReservationId,
    State,
    Strategy,
    Transition,
)
from services.inventory.stock import store as stock
from services.inventory.stock.model import Change, ItemId
from services.runtime import outbox
from services.runtime.database import Database
from services.runtime.errors import Fault, Refusal
from services.runtime.idempotency import IdempotencyKey
from services.runtime.ids import new_id

RECLAIM_BATCH = 200  # holds ended in one transaction: their levels stay locked until it commits
RECLAIM_PASSES_MAX = 10  # enough for 2,000 dead holds; more is the reaper's work, not a customer's

# The permission to make a transition on a reservation that is not one's own.
_MAY_ANY: Mapping[Transition, Permission | None] = {
    Transition.CONFIRM: None,
    Transition.CANCEL: Permission.RESERVATIONS_CANCEL_ANY,
}


async def place(database: Database, key: IdempotencyKey, order: Order) -> Placed:
    """Hold stock for every line, or for none of them.

    The owner is the key's account. Of any number of orders at once, no more units are held than there are; the same key
    gives the same reservation. Takes a Database, because `reserve` is a transaction of its own and so is ending holds
    whose time is over when there is too little stock.
    Refuses: InsufficientStock, UnknownSku, UnknownWarehouse, WarehouseMissing and what `store.reserve` refuses.
    """
    if order.strategy is Strategy.EXPLICIT:
        _refuse_missing_warehouses(order)
    reservation_id = ReservationId(new_id())
    may_end_holder = may_reclaim = True
    while True:
        try:
            outcome = await database.autocommit(store.reserve, key, reservation_id, order)
        except DuplicateReference as duplicate:
            if not may_end_holder:
                raise
            may_end_holder = False
            # The reservation in the way may be over though its row does not say so yet.
            await database.transact(_end_holder_of_reference, duplicate)
            continue
        if isinstance(outcome, Placed):
            return outcome
        if not (outcome.is_reclaimable and may_reclaim):
            raise _refusal(outcome.problems, of_lines=len(order.lines))
        may_reclaim = False
        await _reclaim(database, outcome.items)


def _refuse_missing_warehouses(order: Order) -> None:
    faults: list[Fault] = [
        {"pointer": f"/lines/{position}/warehouse", "sku": line.sku} for position, line in enumerate(order.lines) if line.warehouse is None
    ]
    if faults:
        raise WarehouseMissing(faults)


async def _end_holder_of_reference(connection: AsyncConnection, duplicate: DuplicateReference) -> None:
    """End the account's reservation with this reference if its time is over."""
    # Locked first, and so waited for if somebody is ending it now: expire_due skips what others have locked.
    holder = await store.lock_live(connection, duplicate.account_id, duplicate.external_ref)
    if holder is not None:
        await store.expire_due(connection, limit=1, reservation_ids=[holder])


async def _reclaim(database: Database, items: Sequence[ItemId]) -> None:
    for _ in range(RECLAIM_PASSES_MAX):
        if await database.autocommit(store.expire_due, limit=RECLAIM_BATCH, items=items) < RECLAIM_BATCH:
            return


def _refusal(problems: Sequence[Problem], *, of_lines: int) -> Refusal:
    """One refusal for the order: of what could never be placed if there is any, else of what is short."""
    for kind, refuse in _NEVER.items():
        faults = [_fault(problem) for problem in problems if problem.kind is kind]
        if faults:
            return refuse(faults)
    short = [{**_fault(problem), "requested": problem.requested, "available": problem.available} for problem in problems]
    return InsufficientStock(short, of_lines=of_lines)


_NEVER: Mapping[ProblemKind, Callable[[Sequence[Fault]], Refusal]] = {
    ProblemKind.UNKNOWN_SKU: UnknownSku,
    ProblemKind.UNKNOWN_WAREHOUSE: UnknownWarehouse,
    ProblemKind.TOO_LARGE: LineTooLarge,
}


def _fault(problem: Problem) -> Fault:
    return {"pointer": f"/lines/{problem.line}", "sku": problem.sku, "warehouse": problem.warehouse}


async def confirm(connection: AsyncConnection, reservation_id: ReservationId, caller: Caller) -> Reservation:
    """Turn a live hold of the caller's into a promise without a clock. Confirming twice is confirming once.

    Locks the reservation, then its stock levels. Refuses: ReservationExpired, IllegalTransition, ReservationNotFound.
    """
    reservation = _visible(await store.lock(connection, reservation_id), reservation_id, caller, _MAY_ANY[Transition.CONFIRM])
    if not _is_to_be_done(Transition.CONFIRM, reservation):
        return reservation
    await _change_levels(connection, reservation, per_open_unit=Change(held=-1, allocated=1))
    await store.mark_confirmed(connection, reservation_id)
    await outbox.append(connection, ReservationConfirmed(reservation_id, reservation.account_id))
    return await store.get(connection, reservation_id)


async def cancel(connection: AsyncConnection, reservation_id: ReservationId, caller: Caller, *, reason: str | None) -> Reservation:
    """Give back every open unit of a live hold or a confirmed reservation. Cancelling twice is cancelling once.

    Locks the reservation, then its stock levels. Refuses: ReservationExpired, IllegalTransition, ReservationNotFound.
    """
    reservation = _visible(await store.lock(connection, reservation_id), reservation_id, caller, _MAY_ANY[Transition.CANCEL])
    if not _is_to_be_done(Transition.CANCEL, reservation):
        return reservation
    was_held = reservation.state is State.HELD
    await _change_levels(connection, reservation, per_open_unit=Change(held=-1) if was_held else Change(allocated=-1))
    await store.mark_cancelled(connection, reservation_id, reason=reason or "cancelled")
    await outbox.append(connection, ReservationCancelled(reservation_id, reservation.account_id))
    return await store.get(connection, reservation_id)


async def find(connection: AsyncConnection, reservation_id: ReservationId, caller: Caller) -> Reservation:
    """The reservation, if the caller may know of it. Refuses: ReservationNotFound."""
    return _visible(await store.find(connection, reservation_id), reservation_id, caller, Permission.RESERVATIONS_READ_ANY)


def may(caller: Caller, transition: Transition, reservation: Reservation) -> bool:
    """Whether this caller can make this transition now."""
    return reservation.may(transition) and _is_theirs(caller, reservation, _MAY_ANY[transition])


def _is_theirs(caller: Caller, reservation: Reservation, any_with: Permission | None) -> bool:
    """Whether it is their own, or their role lets them touch anyone's."""
    return reservation.account_id == caller.account_id or (any_with is not None and caller.may(any_with))


def _visible(found: Reservation | None, reservation_id: ReservationId, caller: Caller, any_with: Permission | None) -> Reservation:
    """What was found, if it exists for this caller: someone else's is not found, never forbidden."""
    if found is None or not _is_theirs(caller, found, any_with):
        raise ReservationNotFound(reservation_id)
    return found


def _is_to_be_done(transition: Transition, reservation: Reservation) -> bool:
    """False if the transition was made before. Refuses: ReservationExpired, IllegalTransition."""
    if reservation.state is LEADS_TO[transition]:
        return False
    if reservation.state is State.EXPIRED:
        raise ReservationExpired(reservation.reservation_id, reservation.expires_at)
    if not reservation.may(transition):
        raise IllegalTransition(reservation.reservation_id, transition, reservation.state)
    return True


async def _change_levels(connection: AsyncConnection, reservation: Reservation, *, per_open_unit: Change) -> None:
    changes = {
        line.item_id: Change(held=per_open_unit.held * line.open, allocated=per_open_unit.allocated * line.open)
        for line in reservation.lines
        if line.open
    }
    await stock.lock_levels(connection, changes.keys())
    await stock.change_levels(connection, changes)
