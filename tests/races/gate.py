"""A gate inside the database: without it, two fast cores serve one client before the next has arrived, and no race takes place."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.together import together

T = TypeVar("T")

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_FIRST_WITHIN_SECONDS = 10
_OTHERS_WITHIN_SECONDS = 0.25  # the service itself waits 0.4 s for a lock


async def together_at_the_gate(database: Database, *coroutines: Coroutine[Any, Any, T], gate: str, at_once: int) -> list[T]:
    """Run all of them, and let nobody past the lock that `gate` takes before so many stand at it, if they come in time."""

    async def is_at_gate(count: int, *, until: float = float("inf")) -> bool:
        [(waiting,)] = await database.rows(_WAITING)
        return waiting >= count or time.monotonic() > until

    async with database.transaction() as keeper:
        await keeper.execute(gate)
        running = asyncio.create_task(together(*coroutines))
        await eventually(lambda: is_at_gate(1), within_seconds=_FIRST_WITHIN_SECONDS)
        until = time.monotonic() + _OTHERS_WITHIN_SECONDS
        await eventually(lambda: is_at_gate(at_once, until=until), within_seconds=_FIRST_WITHIN_SECONDS)
    return await running
