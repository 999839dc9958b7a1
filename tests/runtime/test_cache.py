"""Without these, a copy outlives the change that made it untrue, or a thousand readers of one cold key are a thousand queries."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio
from redis.asyncio import Redis as Client

from services.runtime.cache import ASK_EDGE, JITTER, LEASE_MS, WAITS_SECONDS, Cache, Copy, Lifetime, Look, Source
from services.runtime.redis import Redis, open_redis
from tests.support.eventually import eventually
from tests.support.shelf import Shelf

_KEY = "product:TEE"
_LONG = Lifetime(fresh_ms=60_000, stale_ms=30_000)
_SOON_STALE = Lifetime(fresh_ms=1, stale_ms=60_000)
_PATIENT_SECONDS = 10.0
_NO_WAIT_SECONDS = 0.9  # who waits for a lease of somebody who is gone waits longer


@pytest_asyncio.fixture
async def redis(cache_url: str) -> AsyncIterator[Redis]:
    async with open_redis(cache_url, timeout_seconds=_PATIENT_SECONDS) as opened:
        yield opened


@pytest.fixture
def here(redis: Redis) -> Cache:
    return Cache(redis)


@pytest_asyncio.fixture
async def there(cache_url: str) -> AsyncIterator[Cache]:
    """The same cache, as another process sees it."""
    async with open_redis(cache_url, timeout_seconds=_PATIENT_SECONDS) as opened:
        yield Cache(opened)


async def ask(cache: Cache, redis: Redis) -> Look:
    """As the edge does, before the route reads."""
    keys, arguments = cache.question(_KEY)
    _, *reply = await redis.run(ASK_EDGE, keys, 0, *arguments)
    return Cache.look(reply, arguments[0])


async def test_what_one_process_has_read_the_others_find(here: Cache, there: Cache, shelf: Shelf) -> None:
    answers = [await cache.read(_KEY, _LONG, shelf.load) for cache in (here, there, here)]

    assert [source for _, source in answers] == [Source.MISS, Source.HIT, Source.HIT]
    assert {(copy.body, *copy.headers) for copy, _ in answers} == {(b"old", (b"etag", b'"1"'))}
    assert shelf.reads == 1


async def test_of_all_who_miss_one_copy_in_every_process_one_reads(here: Cache, there: Cache, shelf: Shelf) -> None:
    shelf.may_answer.clear()
    asking = [asyncio.create_task(cache.read(_KEY, _LONG, shelf.load)) for cache in (here, there) * 100]
    await eventually(partial(shelf.is_read, 1), within_seconds=5)
    shelf.may_answer.set()

    answers = await asyncio.gather(*asking)

    assert {(copy.body, source) for copy, source in answers} == {(b"old", Source.MISS)}
    assert shelf.reads == 1


async def test_who_may_fill_does_so_though_others_who_saw_that_came_first(here: Cache, redis: Redis, shelf: Shelf) -> None:
    looks = [await ask(here, redis) for _ in range(3)]
    assert [look.is_ours for look in looks] == [True, False, False]

    async with asyncio.timeout(_NO_WAIT_SECONDS):
        answers = await asyncio.gather(*(here.read(_KEY, _LONG, shelf.load, look=look) for look in reversed(looks)))

    assert {copy.body for copy, _ in answers} == {b"old"}
    assert shelf.reads == 1
    assert (await here.read(_KEY, _LONG, shelf.load))[1] is Source.HIT


async def test_while_one_reads_a_new_copy_the_others_get_the_one_past_its_time(here: Cache, there: Cache, shelf: Shelf) -> None:
    await here.read(_KEY, _SOON_STALE, shelf.load)
    await asyncio.sleep(0.01)  # ten times as long as it is fresh
    shelf.value = b"new"
    shelf.may_answer.clear()
    filling = asyncio.create_task(here.read(_KEY, _LONG, shelf.load))
    await eventually(partial(shelf.is_read, 2), within_seconds=5)

    meanwhile = [await cache.read(_KEY, _LONG, shelf.load) for cache in (here, there)]
    shelf.may_answer.set()

    assert [(copy.body, source) for copy, source in meanwhile] == [(b"old", Source.STALE)] * 2
    assert [(copy.body, source) for copy, source in (await filling, await there.read(_KEY, _LONG, shelf.load))] == [
        (b"new", Source.MISS),
        (b"new", Source.HIT),
    ]


async def test_who_fails_to_read_lets_the_next_one_try_at_once(here: Cache, there: Cache, shelf: Shelf) -> None:
    failures = await asyncio.gather(*(here.read(_KEY, _LONG, shelf.fail) for _ in range(10)), return_exceptions=True)
    assert {type(failure) for failure in failures} == {LookupError}
    assert shelf.reads == 1  # one failure for all who waited for it

    async with asyncio.timeout(_NO_WAIT_SECONDS):
        copy, source = await there.read(_KEY, _LONG, shelf.load)
    assert (copy.body, source) == (b"old", Source.MISS)


async def test_who_waits_for_another_process_that_fails_reads_instead(here: Cache, there: Cache, shelf: Shelf) -> None:
    shelf.may_answer.clear()

    async def fail_late() -> Copy:
        await shelf.load()
        raise LookupError

    failing = asyncio.create_task(here.read(_KEY, _LONG, fail_late))
    await eventually(partial(shelf.is_read, 1), within_seconds=5)
    waiting = [asyncio.create_task(there.read(_KEY, _LONG, shelf.load)) for _ in range(10)]
    await asyncio.sleep(0.02)
    shelf.may_answer.set()

    with pytest.raises(LookupError):
        await failing
    assert {copy.body for copy, _ in await asyncio.gather(*waiting)} == {b"old"}
    assert shelf.reads == 2
    assert (await here.read(_KEY, _LONG, shelf.load))[1] is Source.HIT


async def test_who_died_over_it_is_waited_for_a_second(here: Cache, there: Cache, redis: Redis, shelf: Shelf) -> None:
    assert (await ask(Cache(redis), redis)).is_ours  # and nobody hears of them again

    started = time.monotonic()
    answers = await asyncio.gather(*(cache.read(_KEY, _LONG, shelf.load) for cache in (here, there) * 10))

    assert sum(WAITS_SECONDS) <= time.monotonic() - started < LEASE_MS / 1_000
    assert {copy.body for copy, _ in answers} == {b"old"}
    assert shelf.reads == 2  # one for each process


async def test_what_was_read_before_a_change_is_not_kept_after_it(here: Cache, there: Cache, shelf: Shelf) -> None:
    shelf.may_answer.clear()
    reading = asyncio.create_task(here.read(_KEY, _LONG, shelf.load))
    await eventually(partial(shelf.is_read, 1), within_seconds=5)

    shelf.value = b"new"
    await there.forget([_KEY])
    following = asyncio.create_task(here.read(_KEY, _LONG, shelf.load))
    await eventually(partial(shelf.is_read, 2), within_seconds=5)
    shelf.may_answer.set()

    assert (await reading)[0].body == b"new"  # what they had read could not be kept, so they looked again
    assert (await following)[0].body == b"new"
    assert [(await cache.read(_KEY, _LONG, shelf.load))[0].body for cache in (here, there)] == [b"new", b"new"]


async def test_whose_lease_has_ended_keeps_nothing_that_it_was_for(here: Cache, there: Cache, shelf: Shelf, *, cache_url: str) -> None:
    shelf.may_answer.clear()
    slow = asyncio.create_task(here.read(_KEY, _LONG, shelf.load))
    await eventually(partial(shelf.is_read, 1), within_seconds=5)
    async with Client.from_url(cache_url) as client:
        assert 0 < await client.pttl(f"lease:{_KEY}") <= LEASE_MS
        await client.delete(f"lease:{_KEY}")  # as when its time is over

    shelf.value = b"new"
    shelf.may_answer.set()

    assert (await slow)[0].body == b"new"  # with a lease of its own again
    assert (await there.read(_KEY, _LONG, shelf.load))[0].body == b"new"


async def test_a_copy_has_an_end_that_is_not_the_same_for_all(here: Cache, shelf: Shelf, cache_url: str) -> None:
    keys = [f"product:{n}" for n in range(50)]
    for key in keys:
        await here.read(key, _LONG, shelf.load)

    async with Client.from_url(cache_url) as client:
        left = [await client.pttl(f"copy:{key}") for key in keys]
    least = _LONG.fresh_ms * (1 - JITTER) + _LONG.stale_ms
    assert all(least - 10_000 < ms <= _LONG.fresh_ms + _LONG.stale_ms for ms in left)
    assert max(left) - min(left) > _LONG.fresh_ms * JITTER / 2
