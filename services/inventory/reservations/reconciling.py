"""Whether the counters are what the reservations and the ledger say, and what to do when they are not.

They are equal by construction; this finds out whether the construction holds. Repairing is an act of its own, done by a
person who has seen the report.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.reservations import reading, store
from services.inventory.reservations.model import Reconciliation, Repair, Violation
from services.inventory.stock import store as stock
from services.inventory.stock.model import Change, Counters, Entry, ItemId, Movement, MovementId, Reason
from services.runtime.ids import new_id

_PROMISES = ("held", "allocated")


async def check(connection: AsyncConnection) -> Reconciliation:
    """Every difference between what is stored and what follows from the rest, on one snapshot."""
    return await reading.read_violations(connection)


async def repair(connection: AsyncConnection, *, actor: str) -> Repair:
    """Make counters agree with the reservations, and the ledger with on_hand.

    Promises are what the reservations say, so held and allocated follow them. Units on the shelf are what the counter says,
    so the ledger gets the movement that it lacks. Open units of what has ended are given back. Where more is promised than
    there is, the counters stay: which promise to break is for a person to say. Locks the levels of the items concerned.
    """
    found = (await reading.read_violations(connection)).violations
    counters = await stock.lock_levels(connection, {violation.item_id for violation in found})
    # Under the locks nothing moves any more; what is new since is for the next repair.
    again = [violation for violation in (await reading.read_violations(connection)).violations if violation.item_id in counters]
    oversold = _oversold(again, counters)
    left = [violation for violation in again if violation.item_id in oversold and violation.what in _PROMISES]
    repaired = [violation for violation in again if violation not in left]
    for violation in repaired:
        await _repair(connection, violation, counters[violation.item_id], Entry(Reason.ADJUSTMENT, "reconciliation", actor))
    return Repair(repaired, left)


def _oversold(violations: Sequence[Violation], counters: Mapping[ItemId, Counters]) -> set[ItemId]:
    missing: Counter[ItemId] = Counter()
    for violation in violations:
        if violation.what in _PROMISES:
            missing[violation.item_id] += violation.derived - violation.stored
    return {item_id for item_id, units in missing.items() if not counters[item_id].can_promise(units)}


async def _repair(connection: AsyncConnection, violation: Violation, now: Counters, entry: Entry) -> None:
    missing = violation.derived - violation.stored
    if violation.what == "held":
        await stock.change_levels(connection, {violation.item_id: Change(held=missing)})
    elif violation.what == "allocated":
        await stock.change_levels(connection, {violation.item_id: Change(allocated=missing)})
    elif violation.what == "on_hand":
        await stock.add_movements(connection, [Movement(MovementId(new_id()), violation.item_id, -missing, now.on_hand, entry)])
    else:
        await store.release_ended(connection, violation.item_id)
