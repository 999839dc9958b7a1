"""What can be held: a new order, other lines for one that is held, or a cart that is made and changed by its reference.

These take a Database and not a connection: `reserve` is a transaction of its own, and so is ending holds whose time is over
when there is too little stock.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import AccountId
from services.inventory.accounts.permissions import Caller
from services.inventory.reservations import reading, store
from services.inventory.reservations.batching import Batches, hold
from services.inventory.reservations.commands import Target, lock_for
from services.inventory.reservations.errors import (
    DuplicateReference,
    HoldLimitExceeded,
    IllegalTransition,
    InsufficientStock,
    LineTooLarge,
    ReservationExpired,
    TooManyCandidates,
    UnknownSku,
    UnknownWarehouse,
    WarehouseMissing,
)
from services.inventory.reservations.model import (
    CANDIDATES_MAX,
    Order,
    Placed,
    Plan,
    Problem,
    ProblemKind,
    Refused,
    Reservation,
    ReservationId,
    State,
    Strategy,
    Transition,
)
from services.inventory.reservations.reclaiming import unless_over
from services.inventory.reservations.reserving import Request
from services.inventory.stock import store as stock
from services.inventory.stock.model import Change, ItemId
from services.runtime.database import Contention, Database
from services.runtime.errors import Fault, Refusal
from services.runtime.idempotency import IdempotencyKey
from services.runtime.ids import new_id
from services.runtime.logs import request_id

CART_TRIES_MAX = 5  # a cart can be made, ended and confirmed by its owner's other tabs while we look


async def place(database: Database, key: IdempotencyKey, order: Order, *, batches: Batches | None = None) -> Placed:
    """Hold stock for every line, or for none of them.

    The owner is the key's account. Of any number of orders at once, no more units are held than there are; the same key
    gives the same reservation. With batches, orders for one sku that come together are held together.
    Refuses: InsufficientStock, UnknownSku, UnknownWarehouse, WarehouseMissing, QueueTooLong and what `reserving.reserve` refuses.
    """
    owner = AccountId(key.account_id)
    try:
        return await _reserve(database, owner, key, order, batches)
    except DuplicateReference as duplicate:
        # The reservation in the way may be over though its row does not say so yet.
        await database.transact(_end_holder_if_over, owner, duplicate.external_ref)
    return await _reserve(database, owner, key, order, batches)


async def replace_lines(database: Database, target: Target, order: Order) -> Reservation:
    """Give a live hold of the caller's other lines, and with them other metadata, all or nothing.

    Its own units never stand in its way. Its end stays where it is.
    Refuses: what `place` refuses, ReservationExpired, IllegalTransition, EtagMismatch, ReservationNotFound.
    """
    _refuse_missing_warehouses(order)
    return await unless_over(database, lambda: database.transact(_replace, target, order))


async def put_cart(database: Database, caller: Caller, external_ref: str, order: Order) -> tuple[Reservation, bool]:
    """Make the caller's reservation with this reference, or give it these lines; the boolean says whether it was made.

    The same content twice changes nothing. Refuses: what `place` and `replace_lines` refuse.
    """
    for _ in range(CART_TRIES_MAX):
        holder = await database.autocommit(reading.find_live, caller.account_id, external_ref)
        try:
            if holder is None:
                made = await _reserve(database, caller.account_id, None, replace(order, external_ref=external_ref))
                return made.reservation, True
            return await replace_lines(database, Target(holder, caller), order), False
        except DuplicateReference:
            continue  # made in between
        except ReservationExpired:
            await database.transact(_end_holder_if_over, caller.account_id, external_ref)
        except IllegalTransition as refusal:
            if refusal.state is State.CONFIRMED:
                raise
    raise Contention


async def _reserve(
    database: Database, owner: AccountId, key: IdempotencyKey | None, order: Order, batches: Batches | None = None
) -> Placed:
    _refuse_missing_warehouses(order)
    request = Request(owner, key, ReservationId(new_id()), order, request_id.get())
    outcome = await (batches.hold(request) if batches else hold(database, request))
    if isinstance(outcome, Refused):
        raise _refusal(outcome.problems, outcome.items, of_lines=len(order.lines))
    return outcome


async def _end_holder_if_over(connection: AsyncConnection, owner: AccountId, external_ref: str) -> None:
    # Locked first, and so waited for if somebody is ending it now: expire_due skips what others have locked.
    holder = await store.lock_live(connection, owner, external_ref)
    if holder is not None:
        await store.expire_due(connection, limit=1, reservation_ids=[holder])


async def _replace(connection: AsyncConnection, target: Target, order: Order) -> Reservation:
    reservation = await lock_for(connection, Transition.REPLACE_LINES, target)
    metadata = reservation.metadata if order.metadata is None else order.metadata
    if _has_these_lines(reservation, order) and metadata == reservation.metadata:
        return reservation
    own = {line.item_id: line.open for line in reservation.lines}
    hint = await _plan(connection, order, own)
    # Before the levels are locked: whoever has the account's quota may be waiting for them.
    if await reading.exceeds_quota(connection, reservation, order):
        raise HoldLimitExceeded
    await stock.lock_levels(connection, hint.candidates | own.keys())
    plan = await _plan(connection, order, own)
    if not plan.candidates <= hint.candidates:
        raise Contention  # somebody stocked another place in between, and that is not locked
    changes = {item_id: Change(held=plan.units.get(item_id, 0) - own.get(item_id, 0)) for item_id in plan.units.keys() | own.keys()}
    await stock.change_levels(connection, changes)
    await store.replace_lines(connection, reservation.reservation_id, plan.units)
    await store.set_metadata(connection, reservation.reservation_id, metadata)
    return await reading.get(connection, reservation.reservation_id)


async def _plan(connection: AsyncConnection, order: Order, own: Mapping[ItemId, int]) -> Plan:
    """Where the lines go. A hint, until every row that they could go to is locked."""
    plan = await reading.plan(connection, order.lines, own=own)
    if len(plan.candidates) > CANDIDATES_MAX:
        raise TooManyCandidates
    if plan.problems:
        raise _refusal(plan.problems, plan.candidates, of_lines=len(order.lines))
    return plan


def _has_these_lines(reservation: Reservation, order: Order) -> bool:
    """Whether it is a way to place the order already, though another warehouse may be the first by now."""
    named, anywhere = Counter[tuple[str, str]](), Counter[str]()
    for line in order.lines:
        if line.warehouse is None:
            anywhere[line.sku] += line.quantity
        else:
            named[line.sku, line.warehouse] += line.quantity
    left = Counter({(line.sku, line.warehouse): line.quantity for line in reservation.lines})
    left.subtract(named)
    return sorted((sku, units) for (sku, _), units in left.items() if units) == sorted(anywhere.items())


def _refuse_missing_warehouses(order: Order) -> None:
    if order.strategy is not Strategy.EXPLICIT:
        return
    faults: list[Fault] = [
        {"pointer": f"/lines/{position}/warehouse", "sku": line.sku} for position, line in enumerate(order.lines) if line.warehouse is None
    ]
    if faults:
        raise WarehouseMissing(faults)


def _refusal(problems: Sequence[Problem], items: Collection[ItemId], *, of_lines: int) -> Refusal:
    """One refusal for the order: of what could never be placed if there is any, else of what is short."""
    for kind, refuse in _NEVER.items():
        faults = [_fault(problem) for problem in problems if problem.kind is kind]
        if faults:
            return refuse(faults)
    short = [{**_fault(problem), "requested": problem.requested, "available": problem.available} for problem in problems]
    return InsufficientStock(short, items=items, of_lines=of_lines)


_NEVER: Mapping[ProblemKind, Callable[[Sequence[Fault]], Refusal]] = {
    ProblemKind.UNKNOWN_SKU: UnknownSku,
    ProblemKind.UNKNOWN_WAREHOUSE: UnknownWarehouse,
    ProblemKind.TOO_LARGE: LineTooLarge,
}


def _fault(problem: Problem) -> Fault:
    return {"pointer": f"/lines/{problem.line}", "sku": problem.sku, "warehouse": problem.warehouse}
