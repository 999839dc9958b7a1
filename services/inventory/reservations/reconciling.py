"""Whether the counters are what the reservations and the ledger say, and what to do when they are not.

They are equal by construction; this finds out whether the construction holds. Repairing is an act of its own, done by a
person who has seen the report.
"""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.reservations import reading, store
from services.inventory.reservations.model import Reconciliation, Violation
from services.inventory.stock import store as stock
from services.inventory.stock.model import Change, Entry, Movement, MovementId, Reason
from services.runtime.ids import new_id


async def check(connection: AsyncConnection) -> Reconciliation:
    """Every difference between what is stored and what follows from the rest, on one snapshot."""
    return await reading.read_violations(connection)


async def repair(connection: AsyncConnection, *, actor: str) -> Sequence[Violation]:
    """Make counters agree with the reservations, and the ledger with on_hand; returns what was repaired.

    Promises are what the reservations say, so held and allocated follow them. Units on the shelf are what the counter says,
    so the ledger gets the movement that it lacks. Open units of what has ended are given back. Locks the levels of the items concerned.
    """
    found = (await reading.read_violations(connection)).violations
    counters = await stock.lock_levels(connection, {violation.item_id for violation in found})
    # Under the locks nothing moves any more; what is new since is for the next repair.
    again = [violation for violation in (await reading.read_violations(connection)).violations if violation.item_id in counters]
    entry = Entry(Reason.ADJUSTMENT, "reconciliation", actor)
    for violation in again:
        missing = violation.derived - violation.stored
        if violation.what == "held":
            await stock.change_levels(connection, {violation.item_id: Change(held=missing)})
        elif violation.what == "allocated":
            await stock.change_levels(connection, {violation.item_id: Change(allocated=missing)})
        elif violation.what == "on_hand":
            on_hand = counters[violation.item_id].on_hand
            await stock.add_movements(connection, [Movement(MovementId(new_id()), violation.item_id, -missing, on_hand, entry)])
        else:
            await store.release_ended(connection, violation.item_id)
    return again
