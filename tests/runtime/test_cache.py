"""Without these, a copy outlives its time, or a thousand readers of one cold key are a thousand queries."""

import asyncio
from functools import partial

from redis.asyncio import Redis as Client

from services.runtime.cache import JITTER, Cache, Lifetime, Source
from tests.support.caches import KEY, LONG
from tests.support.eventually import eventually
from tests.support.shelf import Shelf

_SOON_STALE = Lifetime(fresh_ms=1, stale_ms=60_000)


async def test_what_one_process_has_read_the_others_find(here: Cache, there: Cache, shelf: Shelf) -> None:
    answers = [await cache.read(KEY, LONG, shelf.load) for cache in (here, there, here)]

    assert [source for _, source in answers] == [Source.MISS, Source.HIT, Source.HIT]
    assert {(copy.body, *copy.headers) for copy, _ in answers} == {(b"old", (b"etag", b'"1"'))}
    assert shelf.reads == 1


async def test_of_all_who_miss_one_copy_in_every_process_one_reads(here: Cache, there: Cache, shelf: Shelf) -> None:
    shelf.may_answer.clear()
    asking = [asyncio.create_task(cache.read(KEY, LONG, shelf.load)) for cache in (here, there) * 100]
    await eventually(partial(shelf.is_read, 1), within_seconds=5)
    shelf.may_answer.set()

    answers = await asyncio.gather(*asking)

    assert {(copy.body, source) for copy, source in answers} == {(b"old", Source.MISS)}
    assert shelf.reads == 1


async def test_while_one_reads_a_new_copy_the_others_get_the_one_past_its_time(here: Cache, there: Cache, shelf: Shelf) -> None:
    await here.read(KEY, _SOON_STALE, shelf.load)
    await asyncio.sleep(0.01)  # ten times as long as it is fresh
    shelf.value = b"new"
    shelf.may_answer.clear()
    filling = asyncio.create_task(here.read(KEY, LONG, shelf.load))
    await eventually(partial(shelf.is_read, 2), within_seconds=5)

    meanwhile = [await cache.read(KEY, LONG, shelf.load) for cache in (here, there)]
    shelf.may_answer.set()

    assert [(copy.body, source) for copy, source in meanwhile] == [(b"old", Source.STALE)] * 2
    assert [(copy.body, source) for copy, source in (await filling, await there.read(KEY, LONG, shelf.load))] == [
        (b"new", Source.MISS),
        (b"new", Source.HIT),
    ]


async def test_a_copy_has_an_end_that_is_not_the_same_for_all(here: Cache, shelf: Shelf, cache_url: str) -> None:
    keys = [f"product:{n}" for n in range(50)]
    for key in keys:
        await here.read(key, LONG, shelf.load)

    async with Client.from_url(cache_url) as client:
        left = [await client.pttl(f"copy:{key}") for key in keys]
    least = LONG.fresh_ms * (1 - JITTER) + LONG.stale_ms
    assert all(least - 10_000 < ms <= LONG.fresh_ms + LONG.stale_ms for ms in left)
    assert max(left) - min(left) > LONG.fresh_ms * JITTER / 2
