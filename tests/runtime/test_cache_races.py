"""Without these, one reader in ten thousand keeps for a minute what another has changed already."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from services.runtime.cache import Cache, Copy, Lifetime, Source
from services.runtime.redis import Redis, open_redis
from tests.support.caches import KEY, LONG
from tests.support.options import Rounds

_READERS = 4  # in each process
_PATIENT_SECONDS = 10.0
_MOMENTS = (0, 0, 0.0005, 0.002)  # seconds that a read of the database takes, and a writer from its commit to the deletion

Load = Callable[[], Awaitable[Copy]]


class Copies(Protocol):
    async def read(self, key: str, lifetime: Lifetime, load: Load) -> tuple[Copy, Source]: ...

    async def forget(self, keys: Collection[str]) -> None: ...


class CacheAside:
    """As it is usually done: whoever finds nothing reads and keeps what they read; whoever writes deletes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def read(self, key: str, lifetime: Lifetime, load: Load) -> tuple[Copy, Source]:
        found = await self._redis.ask("GET", key)
        if found is not None:
            return Copy([], found), Source.HIT
        copy = await load()
        await self._redis.ask("SET", key, copy.body, "PX", lifetime.fresh_ms)
        return copy, Source.MISS

    async def forget(self, keys: Collection[str]) -> None:
        await self._redis.ask("DEL", *keys)


@dataclass
class Race:
    """A writer who counts up, and readers who look at the count through copies."""

    writer: Copies
    readers: list[Copies]
    committed: int = 0
    acknowledged: int = 0  # the deletion is done too: from now on nobody may see less
    stale: int = 0
    backwards: int = 0
    sources: set[Source] = field(default_factory=set)

    async def run(self, rounds: int) -> None:
        async with asyncio.TaskGroup() as group:
            reading = [group.create_task(self._read(cache)) for cache in self.readers * _READERS]
            for _ in range(rounds):
                self.committed += 1
                await _a_moment()
                await self.writer.forget([KEY])
                self.acknowledged = self.committed
                await _a_moment()
            for task in reading:
                task.cancel()

    async def _read(self, cache: Copies) -> None:
        seen = 0
        for n in itertools.count():
            least = self.acknowledged
            copy, source = await cache.read(KEY, LONG, self._load)
            version = int(copy.body)
            self.stale += version < least
            self.backwards += version < seen
            seen = version
            self.sources.add(source)
            if n % 10 == 0:
                await asyncio.sleep(0)

    async def _load(self) -> Copy:
        await _a_moment()
        seen = self.committed
        await _a_moment()
        return Copy([(b"cache-control", b"no-cache")], str(seen).encode())


async def _a_moment() -> None:
    await asyncio.sleep(random.choice(_MOMENTS))


async def race(make: Callable[[Redis], Copies], cache_url: str, *, rounds: int) -> Race:
    """The writer and half of the readers are one process, the other readers another."""
    async with (
        open_redis(cache_url, timeout_seconds=_PATIENT_SECONDS) as here,
        open_redis(cache_url, timeout_seconds=_PATIENT_SECONDS) as there,
    ):
        writer = make(here)
        raced = Race(writer, [writer, make(there)])
        await raced.run(rounds)
    return raced


async def test_nobody_sees_an_old_version_once_its_deletion_is_done_nor_any_version_after_a_newer_one(
    cache_url: str, rounds: Rounds
) -> None:
    raced = await race(Cache, cache_url, rounds=rounds(quick=200, proof=10_000))

    assert (raced.stale, raced.backwards) == (0, 0)
    assert raced.sources == {Source.HIT, Source.MISS}


async def test_the_same_race_catches_a_cache_without_leases(cache_url: str) -> None:
    raced = await race(CacheAside, cache_url, rounds=200)

    assert raced.stale > 0
    assert raced.backwards > 0
