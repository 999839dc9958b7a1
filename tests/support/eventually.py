"""Waiting for what is bound to happen, instead of sleeping until it should have."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_POLL_SECONDS = 0.02


async def eventually(is_so: Callable[[], Awaitable[bool]], *, within_seconds: float) -> None:
    """Return once it is so; fail if it is not in time."""
    deadline = time.monotonic() + within_seconds
    while not await is_so():
        assert time.monotonic() < deadline, f"not so after {within_seconds} s"
        await asyncio.sleep(_POLL_SECONDS)
