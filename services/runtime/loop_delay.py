"""How late an event loop comes to what is due: the first thing that shows when a process has more work than it can do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.runtime.metrics import Histogram

LOOK_SECONDS = 0.25  # a blocked loop is seen however short it is blocked, if that happens often


@asynccontextmanager
async def watch_loop() -> AsyncIterator[Histogram]:
    """Delays in seconds, four a second, for as long as the context."""
    delays = Histogram()
    watching = asyncio.create_task(_watch(delays))
    try:
        yield delays
    finally:
        watching.cancel()


async def _watch(delays: Histogram) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        delays.observe(max(loop.time() - due, 0.0))
