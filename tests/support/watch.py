"""Somebody who looks at all of the stock again and again while others change it: what is right in the end may have been wrong before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.database import Database
from tests.support.invariants import wrong_now

_PAUSE_SECONDS = 0.02


class Watch:
    def __init__(self) -> None:
        self.looks = 0
        self.seen: list[tuple[Any, ...]] = []  # what was wrong, as `wrong_now` tells it


@asynccontextmanager
async def watching(database: Database) -> AsyncIterator[Watch]:
    """Look for as long as the context lasts, and once more in the end."""
    watch = Watch()

    async def look() -> None:
        watch.seen += await wrong_now(database)
        watch.looks += 1

    async def look_on() -> None:
        while True:
            await look()
            await asyncio.sleep(_PAUSE_SECONDS)

    looking = asyncio.create_task(look_on())
    try:
        yield watch
    finally:
        looking.cancel()
        await asyncio.wait([looking])
    if not looking.cancelled():
        looking.result()  # it ended by an error
    await look()
