"""Something that is read through copies."""

import asyncio

import pytest

from services.runtime.cache import Copy


class Shelf:
    """What the database is to a cache: one value that changes, and takes a while to be read."""

    def __init__(self) -> None:
        self.value = b"old"
        self.reads = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def load(self) -> Copy:
        self.reads += 1
        seen = self.value
        await asyncio.sleep(0)
        await self.may_answer.wait()
        return Copy([(b"etag", b'"1"')], seen)

    async def fail(self) -> Copy:
        self.reads += 1
        await asyncio.sleep(0)
        raise LookupError("there is no such product")

    async def is_read(self, times: int) -> bool:
        return self.reads == times


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()
