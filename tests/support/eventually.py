"""Waiting for what is bound to happen, instead of sleeping until it should have."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.support.database import Database

_POLL_SECONDS = 0.02


async def eventually(is_so: Callable[[], Awaitable[bool]], *, within_seconds: float) -> None:
    """Return once it is so; fail if it is not in time."""
    deadline = time.monotonic() + within_seconds
    while not await is_so():
        assert time.monotonic() < deadline, f"not so after {within_seconds} s"
        await asyncio.sleep(_POLL_SECONDS)


async def until_blocked(database: Database, count: int = 1, *, within_seconds: float = 10) -> None:
    """Return once so many sessions wait for a lock in the database."""

    async def are_blocked() -> bool:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return await database.rows(waiting) >= [(count,)]

    await eventually(are_blocked, within_seconds=within_seconds)
