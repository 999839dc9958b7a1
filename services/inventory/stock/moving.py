"""Units that really move: adjustments, counts and transfers. Each function is one unit of work inside the caller's transaction.

All go the same way: find the stock items, lock their levels in ascending order, decide on the locked counters, change them, and
write what changed into the ledger.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.stock import store
from services.inventory.stock.errors import (
    CountConflict,
    DuplicateItems,
    InsufficientAvailable,
    InsufficientOnHand,
    OnHandLimitExceeded,
    StockBelowReserved,
    UnknownStockItem,
)
from services.inventory.stock.model import (
    ON_HAND_MAX,
    Adjustment,
    Change,
    Count,
    Counters,
    Entry,
    ItemId,
    Moved,
    Movement,
    MovementId,
    OnError,
    Place,
    Reason,
    Transfer,
)
from services.runtime.errors import Fault, Refusal
from services.runtime.ids import new_id

Impossible = UnknownStockItem | InsufficientOnHand | StockBelowReserved | OnHandLimitExceeded


async def adjust(
    connection: AsyncConnection, adjustments: Sequence[Adjustment], *, on_error: OnError, entry: Entry
) -> tuple[Sequence[Moved], Sequence[Fault]]:
    """Record units that arrived or left: all of them or none, or all that are possible.

    Returns what moved, and with reject_failed what did not and why.
    Refuses: DuplicateItems, UnknownStockItem, InsufficientOnHand, StockBelowReserved, OnHandLimitExceeded.
    """
    places = [Place(one.sku, one.warehouse) for one in adjustments]
    _refuse_duplicates(places)
    item_ids = await store.resolve(connection, places)
    if on_error is OnError.REJECT_ALL:
        _refuse_unknown(places, item_ids)
    counters = await store.lock_levels(connection, item_ids.values())
    deltas = {place: one.delta for place, one in zip(places, adjustments, strict=True)}
    refused = _impossible(deltas, item_ids, counters)
    if refused and on_error is OnError.REJECT_ALL:
        raise _first_kind(refused)
    possible = {place: delta for place, delta in deltas.items() if place not in refused}
    moved = await move(connection, possible, item_ids, counters, entry)
    return moved, [{**refusal.faults[0], "code": refusal.code} for refusal in refused.values()]


async def count(connection: AsyncConnection, counts: Sequence[Count], *, entry: Entry) -> Sequence[Moved]:
    """Set on_hand to what was counted, where it still is what the counter was told to expect. All or none.

    Compares on_hand and not a version of the row, which every reservation changes.
    Refuses: DuplicateItems, UnknownStockItem, CountConflict, StockBelowReserved.
    """
    places = [Place(one.sku, one.warehouse) for one in counts]
    item_ids = await find_items(connection, places)
    counters = await store.lock_levels(connection, item_ids.values())
    deltas = count_deltas(counts, item_ids, counters)
    refused = _impossible(deltas, item_ids, counters)
    if refused:
        raise _first_kind(refused)
    return await move(connection, deltas, item_ids, counters, entry)


async def transfer(
    connection: AsyncConnection, source: str, target: str, transfers: Sequence[Transfer], *, entry: Entry
) -> Sequence[Moved]:
    """Move units from one warehouse to another, all of them or none; promised units stay where they are.

    Returns what left, then what arrived. Refuses: DuplicateItems, UnknownStockItem, InsufficientAvailable, OnHandLimitExceeded.
    """
    leaving = {Place(one.sku, source): -one.quantity for one in transfers}
    arriving = {Place(one.sku, target): one.quantity for one in transfers}
    sources = await find_items(connection, [Place(one.sku, source) for one in transfers])
    item_ids = {**sources, **await find_items(connection, [Place(one.sku, target) for one in transfers])}
    counters = await store.lock_levels(connection, item_ids.values())
    faults = [
        fault(n, place, requested=-delta, available=counters[item_ids[place]].movable)
        for n, (place, delta) in enumerate(leaving.items())
        if counters[item_ids[place]].movable < -delta
    ]
    if faults:
        raise InsufficientAvailable(faults)
    too_many = _impossible(arriving, item_ids, counters)
    if too_many:
        raise _first_kind(too_many)
    left = await move(connection, leaving, item_ids, counters, replace(entry, reason=Reason.TRANSFER_OUT))
    arrived = await move(connection, arriving, item_ids, counters, replace(entry, reason=Reason.TRANSFER_IN))
    return [*left, *arrived]


async def find_items(connection: AsyncConnection, places: Sequence[Place]) -> Mapping[Place, ItemId]:
    """The stock items of the places. Refuses: DuplicateItems, UnknownStockItem."""
    _refuse_duplicates(places)
    item_ids = await store.resolve(connection, places)
    _refuse_unknown(places, item_ids)
    return item_ids


def count_deltas(counts: Sequence[Count], item_ids: Mapping[Place, ItemId], counters: Mapping[ItemId, Counters]) -> Mapping[Place, int]:
    """What has to be added for on_hand to be what was counted. Refuses: CountConflict."""
    now = {Place(one.sku, one.warehouse): counters[item_ids[Place(one.sku, one.warehouse)]].on_hand for one in counts}
    conflicts = [
        fault(n, place, expected_on_hand=one.expected_on_hand, on_hand=now[place])
        for n, (place, one) in enumerate(zip(now, counts, strict=True))
        if now[place] != one.expected_on_hand
    ]
    if conflicts:
        raise CountConflict(conflicts)
    return {place: one.counted - now[place] for place, one in zip(now, counts, strict=True)}


async def move(
    connection: AsyncConnection,
    deltas: Mapping[Place, int],
    item_ids: Mapping[Place, ItemId],
    counters: Mapping[ItemId, Counters],
    entry: Entry,
) -> Sequence[Moved]:
    """Change on_hand of locked levels and write it into the ledger. The constraints have the last word."""
    movements = {
        place: Movement(MovementId(new_id()), item_ids[place], delta, counters[item_ids[place]].on_hand + delta, entry)
        for place, delta in deltas.items()
        if delta
    }
    if movements:
        await store.change_levels(connection, {one.item_id: Change(on_hand=one.delta) for one in movements.values()})
        await store.add_movements(connection, list(movements.values()))
    return [
        Moved(
            place.sku,
            place.warehouse,
            delta,
            counters[item_ids[place]].on_hand + delta,
            movements[place].movement_id if place in movements else None,
        )
        for place, delta in deltas.items()
    ]


def fault(position: int, place: Place, **facts: int) -> Fault:
    return {"pointer": f"/items/{position}", "sku": place.sku, "warehouse": place.warehouse, **facts}


def _refuse_duplicates(places: Sequence[Place]) -> None:
    times = Counter(places)
    if len(times) < len(places):
        raise DuplicateItems([fault(n, place) for n, place in enumerate(places) if times[place] > 1])


def _refuse_unknown(places: Sequence[Place], item_ids: Mapping[Place, ItemId]) -> None:
    unknown = [fault(n, place) for n, place in enumerate(places) if place not in item_ids]
    if unknown:
        raise UnknownStockItem(unknown)


def _impossible(
    deltas: Mapping[Place, int], item_ids: Mapping[Place, ItemId], counters: Mapping[ItemId, Counters]
) -> Mapping[Place, Impossible]:
    refused: dict[Place, Impossible] = {}
    for n, (place, delta) in enumerate(deltas.items()):
        if place not in item_ids:
            refused[place] = UnknownStockItem([fault(n, place, delta=delta)])
            continue
        now = counters[item_ids[place]]
        on_hand = now.on_hand + delta
        if on_hand < 0:
            refused[place] = InsufficientOnHand([fault(n, place, delta=delta, on_hand=now.on_hand)])
        elif on_hand > ON_HAND_MAX:
            refused[place] = OnHandLimitExceeded([fault(n, place, delta=delta, on_hand=now.on_hand)])
        elif delta < 0 and now.promised > on_hand + now.backorder_limit:
            refused[place] = StockBelowReserved([fault(n, place, delta=delta, on_hand=now.on_hand, promised=now.promised)])
    return refused


def _first_kind(refused: Mapping[Place, Impossible]) -> Refusal:
    """One refusal for the request: the kind of the first place, with every place of that kind."""
    kind = type(next(iter(refused.values())))
    return kind([one.faults[0] for one in refused.values() if type(one) is kind])
