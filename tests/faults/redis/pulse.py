"""What a process answers that is asked for nothing but a sign of life: how long its event loop was busy with something else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import httpx

_PAUSE_SECONDS = 0.005


class Pulse:
    """The seconds that each answer took, and when it was asked for."""

    def __init__(self) -> None:
        self.beats: list[tuple[float, float]] = []

    def slowest(self, since: float, until: float) -> float:
        """Of the answers of that time, all but one in a hundred: a busy machine takes the processor from anybody now and then."""
        took = sorted(seconds for asked, seconds in self.beats if since <= asked < until)
        return took[len(took) * 99 // 100]


@asynccontextmanager
async def pulse(url: str) -> AsyncIterator[Pulse]:
    taken = Pulse()

    async def take() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30) as http:
            while True:
                asked = monotonic()
                answer = await http.get("/livez")
                assert answer.is_success
                taken.beats.append((asked, monotonic() - asked))
                await asyncio.sleep(_PAUSE_SECONDS)

    # Several connections, so that every worker is asked.
    taking = [asyncio.create_task(take()) for _ in range(4)]
    try:
        yield taken
    finally:
        for task in taking:
            task.cancel()
        await asyncio.wait(taking)
    for task in taking:
        if not task.cancelled():
            task.result()
