"""Holds whose time is over stand in nobody's way, although no job has ended them yet.

Ending them is a transaction of its own: it locks the levels of other people's lines too, and a transaction that has locks
already would take these out of order. So these take a Database and not a connection.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TypeVar

from services.inventory.reservations import store
from services.inventory.stock import store as stock
from services.inventory.stock.errors import PromisesInTheWay
from services.inventory.stock.model import ItemId, Place
from services.runtime.database import Database

T = TypeVar("T")

BATCH = 200  # holds ended in one transaction: their levels stay locked until it commits
PASSES_MAX = 10  # enough for 2,000 dead holds; more is the reaper's work, not a caller's


async def unless_over(database: Database, attempt: Callable[[], Awaitable[T]]) -> T:
    """What the attempt returns; where promises stand in its way, it is made once more without those whose time is over."""
    try:
        return await attempt()
    except PromisesInTheWay as refusal:
        if not await reclaim(database, refusal.items):
            raise
    return await attempt()


async def reclaim(database: Database, items: Collection[ItemId]) -> bool:
    """End holds of these items whose time is over; whether there were any."""
    for passed in range(PASSES_MAX):
        ended = await database.autocommit(store.expire_due, limit=BATCH, items=items)
        if ended < BATCH:
            return passed > 0 or ended > 0
    return True


async def reclaim_places(database: Database, places: Sequence[Place]) -> None:
    """The same for what lies in these places; places that do not exist have none."""
    await reclaim(database, (await database.autocommit(stock.resolve, places)).values())
