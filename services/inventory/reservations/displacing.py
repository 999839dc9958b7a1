"""A count that leaves fewer units than are promised, where whoever counts decides that held reservations give way.

Confirmed reservations never do. Holds whose time is over go first, then the newest: who has waited longest keeps what there is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.reservations import store
from services.inventory.reservations.events import ReservationDisplaced, ReservationExpired
from services.inventory.reservations.model import Reservation, State
from services.inventory.stock import moving
from services.inventory.stock import store as stock
from services.inventory.stock.errors import StockBelowReserved
from services.inventory.stock.model import Change, Count, Counters, Entry, ItemId, Moved, Place
from services.runtime import outbox
from services.runtime.database import Contention


async def count_displacing(connection: AsyncConnection, counts: Sequence[Count], *, entry: Entry) -> Sequence[Moved]:
    """Set on_hand to what was counted, and end the holds that no longer fit, each with an event of its own. All or nothing.

    Locks the holds that may have to go, then the levels, each in ascending order.
    Refuses: what `moving.count` refuses; StockBelowReserved when ending every hold would not be enough.
    """
    item_ids = await moving.find_items(connection, [Place(one.sku, one.warehouse) for one in counts])
    counted = {item_ids[Place(one.sku, one.warehouse)]: one.counted for one in counts}
    hint = _excess(counted, await stock.read_counters(connection, counted.keys()))
    holds = await store.lock_newest_holds(connection, hint)
    counters = await stock.lock_levels(connection, counted.keys() | {line.item_id for hold in holds for line in hold.lines})
    deltas = moving.count_deltas(counts, item_ids, counters)
    _refuse_if_confirmed_exceed(counts, item_ids, counters)
    for hold in _choose(holds, _excess(counted, counters)):
        await _end(connection, hold)
    return await moving.move(connection, deltas, item_ids, counters, entry)


def _excess(counted: Mapping[ItemId, int], counters: Mapping[ItemId, Counters]) -> Mapping[ItemId, int]:
    """Promised units that would no longer fit, by item; items where all fit are left out."""
    excess = {item_id: counters[item_id].promised - counters[item_id].backorder_limit - units for item_id, units in counted.items()}
    return {item_id: units for item_id, units in excess.items() if units > 0}


def _refuse_if_confirmed_exceed(counts: Sequence[Count], item_ids: Mapping[Place, ItemId], counters: Mapping[ItemId, Counters]) -> None:
    faults = []
    for n, one in enumerate(counts):
        place = Place(one.sku, one.warehouse)
        now = counters[item_ids[place]]
        if now.allocated > one.counted + now.backorder_limit:
            faults.append(moving.fault(n, place, counted=one.counted, allocated=now.allocated))
    if faults:
        raise StockBelowReserved(faults)


def _choose(holds: Sequence[Reservation], excess: Mapping[ItemId, int]) -> Sequence[Reservation]:
    """Holds in their order until everything fits. Refuses: Contention, when newer ones came than those that are locked."""
    left = Counter(excess)
    chosen = []
    for hold in holds:
        if any(left[line.item_id] > 0 for line in hold.lines):
            left.subtract({line.item_id: line.open for line in hold.lines})
            chosen.append(hold)
    if any(units > 0 for units in left.values()):
        raise Contention
    return chosen


async def _end(connection: AsyncConnection, hold: Reservation) -> None:
    await stock.change_levels(connection, {line.item_id: Change(held=-line.open) for line in hold.lines})
    if hold.state is State.EXPIRED:  # nobody loses what they had lost already
        await store.end(connection, hold.reservation_id, State.EXPIRED, reason="expired")
        await outbox.append(connection, ReservationExpired(hold.reservation_id, hold.account_id))
    else:
        await store.end(connection, hold.reservation_id, State.CANCELLED, reason="displaced")
        await outbox.append(connection, ReservationDisplaced(hold.reservation_id, hold.account_id))
