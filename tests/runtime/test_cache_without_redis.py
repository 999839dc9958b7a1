"""Without these, an outage of Redis is one of the database, which all readers ask at once; or they see what they have changed as it was."""

import asyncio
from functools import partial

import pytest
from redis.exceptions import RedisError

from services.runtime.cache import ASK_EDGE, Cache, Source
from services.runtime.redis import open_redis
from tests.support.caches import KEY, LONG
from tests.support.eventually import eventually
from tests.support.fault_proxy import fault_proxy
from tests.support.shelf import Shelf

_PATIENT_SECONDS = 10.0


async def test_without_redis_one_reads_for_all_who_ask_before_it_begins(shelf: Shelf) -> None:
    alone = Cache(None)

    answers = await asyncio.gather(*(alone.read(KEY, LONG, shelf.load) for _ in range(100)))

    assert {(copy.body, source) for copy, source in answers} == {(b"old", Source.BYPASS)}
    assert shelf.reads == 1


async def test_without_redis_nobody_gets_what_was_read_before_they_asked(shelf: Shelf) -> None:
    alone = Cache(None)
    shelf.may_answer.clear()
    first = asyncio.create_task(alone.read(KEY, LONG, shelf.load))
    await eventually(partial(shelf.is_read, 1), within_seconds=5)

    shelf.value = b"new"
    others = [asyncio.create_task(alone.read(KEY, LONG, shelf.load)) for _ in range(100)]
    await asyncio.sleep(0.01)
    assert shelf.reads == 1  # they wait for the one under way to be over
    shelf.may_answer.set()

    assert (await first)[0].body == b"old"
    assert {copy.body for copy, _ in await asyncio.gather(*others)} == {b"new"}
    assert shelf.reads == 2


async def test_a_read_that_fails_without_redis_fails_for_those_alone_who_shared_it(shelf: Shelf) -> None:
    alone = Cache(None)
    failures = await asyncio.gather(*(alone.read(KEY, LONG, shelf.fail) for _ in range(10)), return_exceptions=True)

    assert {type(failure) for failure in failures} == {LookupError}
    assert (await alone.read(KEY, LONG, shelf.load))[0].body == b"old"
    assert shelf.reads == 2


async def test_when_redis_goes_while_others_wait_everybody_is_answered_by_the_database(cache_url: str, shelf: Shelf) -> None:
    async with fault_proxy(cache_url) as line, open_redis(line.url, timeout_seconds=_PATIENT_SECONDS) as redis:
        cache = Cache(redis)
        keys, arguments = Cache(redis).question(KEY)
        await redis.run(ASK_EDGE, keys, 0, *arguments)  # somebody else fills it
        waiting = [asyncio.create_task(cache.read(KEY, LONG, shelf.load)) for _ in range(10)]
        await asyncio.sleep(0.02)
        line.refuse()
        await line.reset()

        assert {copy.body for copy, _ in await asyncio.gather(*waiting)} == {b"old"}
        assert (await cache.read(KEY, LONG, shelf.load))[1] is Source.BYPASS
        with pytest.raises(RedisError):
            await cache.forget([KEY])
