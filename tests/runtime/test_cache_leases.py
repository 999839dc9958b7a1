"""Without these, a copy outlives the change that made it untrue, or who dies while they fill one leaves all others waiting."""

import asyncio
import time
from functools import partial

import pytest
from redis.asyncio import Redis as Client

from services.runtime.cache import LEASE_MS, PATIENCE_SECONDS, WAITS_SECONDS, Cache, Copy, Lifetime, Look, Source
from services.runtime.redis import Redis
from tests.support.caches import KEY, LONG, ask
from tests.support.eventually import eventually
from tests.support.shelf import Shelf

_BRIEF = Lifetime(fresh_ms=1_000, stale_ms=800)
_NO_WAIT_SECONDS = 0.9  # who waits for a lease of somebody who is gone waits longer


async def fill(cache: Cache, look: Look, value: bytes, shelf: Shelf) -> bytes:
    """Whoever got this lease has read this value, and fills now; if that is refused, they read again. What they show."""
    assert look.is_ours
    values = iter([value])

    async def load() -> Copy:
        return Copy([(b"etag", b'"1"')], next(values, shelf.value))

    return (await cache.read(KEY, LONG, load, look=look))[0].body


async def test_who_may_fill_does_so_though_others_who_saw_that_came_first(here: Cache, redis: Redis, shelf: Shelf) -> None:
    looks = [await ask(here, redis) for _ in range(3)]
    assert [look.is_ours for look in looks] == [True, False, False]

    async with asyncio.timeout(_NO_WAIT_SECONDS):
        answers = await asyncio.gather(*(here.read(KEY, LONG, shelf.load, look=look) for look in reversed(looks)))

    assert {copy.body for copy, _ in answers} == {b"old"}
    assert shelf.reads == 1
    assert (await here.read(KEY, LONG, shelf.load))[1] is Source.HIT


async def test_who_fails_to_read_lets_the_next_one_try_at_once(here: Cache, there: Cache, shelf: Shelf) -> None:
    failures = await asyncio.gather(*(here.read(KEY, LONG, shelf.fail) for _ in range(10)), return_exceptions=True)
    assert {type(failure) for failure in failures} == {LookupError}
    assert shelf.reads == 1  # one failure for all who waited for it

    async with asyncio.timeout(_NO_WAIT_SECONDS):
        copy, source = await there.read(KEY, LONG, shelf.load)
    assert (copy.body, source) == (b"old", Source.MISS)


async def test_who_waits_for_another_process_that_fails_reads_instead(here: Cache, there: Cache, shelf: Shelf) -> None:
    shelf.may_answer.clear()

    async def fail_late() -> Copy:
        await shelf.load()
        raise LookupError

    failing = asyncio.create_task(here.read(KEY, LONG, fail_late))
    await eventually(partial(shelf.is_read, 1), within_seconds=5)
    waiting = [asyncio.create_task(there.read(KEY, LONG, shelf.load)) for _ in range(10)]
    await asyncio.sleep(0.02)
    shelf.may_answer.set()

    with pytest.raises(LookupError):
        await failing
    assert {copy.body for copy, _ in await asyncio.gather(*waiting)} == {b"old"}
    assert shelf.reads == 2
    assert (await here.read(KEY, LONG, shelf.load))[1] is Source.HIT


async def test_who_died_over_it_is_waited_for_a_second(here: Cache, there: Cache, redis: Redis, shelf: Shelf) -> None:
    assert (await ask(Cache(redis), redis)).is_ours  # and nobody hears of them again

    started = time.monotonic()
    answers = await asyncio.gather(*(cache.read(KEY, LONG, shelf.load) for cache in (here, there) * 10))

    assert sum(WAITS_SECONDS) <= time.monotonic() - started < LEASE_MS / 1_000
    assert {copy.body for copy, _ in answers} == {b"old"}
    assert 1 <= shelf.reads <= 2  # the other process may have found what the first has kept

    assert [(await cache.read(KEY, LONG, shelf.load))[1] for cache in (here, there)] == [Source.HIT, Source.HIT]


async def test_what_was_read_before_a_change_is_not_kept_after_it(here: Cache, there: Cache, shelf: Shelf) -> None:
    shelf.may_answer.clear()
    reading = asyncio.create_task(here.read(KEY, LONG, shelf.load))
    await eventually(partial(shelf.is_read, 1), within_seconds=5)

    shelf.value = b"new"
    await there.forget([KEY])
    following = asyncio.create_task(here.read(KEY, LONG, shelf.load))
    await eventually(partial(shelf.is_read, 2), within_seconds=5)
    shelf.may_answer.set()

    assert (await reading)[0].body == b"new"  # what they had read could not be kept, so they looked again
    assert (await following)[0].body == b"new"
    assert [(await cache.read(KEY, LONG, shelf.load))[0].body for cache in (here, there)] == [b"new", b"new"]


async def test_whose_lease_has_ended_keeps_nothing_that_it_was_for(here: Cache, there: Cache, shelf: Shelf, *, cache_url: str) -> None:
    shelf.may_answer.clear()
    slow = asyncio.create_task(here.read(KEY, LONG, shelf.load))
    await eventually(partial(shelf.is_read, 1), within_seconds=5)
    async with Client.from_url(cache_url) as client:
        assert 0 < await client.pttl(f"lease:{KEY}") <= LEASE_MS
        await client.delete(f"lease:{KEY}")  # as when its time is over

    shelf.value = b"new"
    shelf.may_answer.set()

    assert (await slow)[0].body == b"new"  # with a lease of its own again
    assert (await there.read(KEY, LONG, shelf.load))[0].body == b"new"


async def test_who_waited_in_vain_keeps_what_they_read_and_whoever_they_waited_for_does_not(
    here: Cache, there: Cache, redis: Redis, shelf: Shelf
) -> None:
    slow = await ask(there, redis)
    shelf.value = b"new"  # it is committed, and its deletion is under way

    assert (await here.read(KEY, LONG, shelf.load))[0].body == b"new"

    assert await fill(there, slow, b"old", shelf) == b"new"
    assert (await here.read(KEY, LONG, shelf.load))[0].body == b"new"


@pytest.mark.parametrize("lifetime", [LONG, _BRIEF])
async def test_who_may_not_keep_what_they_read_shows_what_others_keep(
    here: Cache, there: Cache, redis: Redis, shelf: Shelf, *, lifetime: Lifetime
) -> None:
    async def load_while_it_changes_and_they_fill() -> Copy:
        await there.forget([KEY])
        await fill(there, await ask(there, redis), b"kept", shelf)
        return Copy([], b"new")

    answer, _ = await here.read(KEY, lifetime, load_while_it_changes_and_they_fill)

    assert (answer.body, answer.headers) == (b"kept", [(b"etag", b'"1"')])


async def test_who_waited_in_vain_and_may_not_keep_what_they_read_leaves_others_their_lease(
    here: Cache, there: Cache, redis: Redis, shelf: Shelf
) -> None:
    await ask(there, redis)
    leases: list[Look] = []

    async def load_while_it_changes() -> Copy:
        if not leases:
            await there.forget([KEY])
            leases.append(await ask(there, redis))
        return await shelf.load()

    reading = asyncio.create_task(here.read(KEY, LONG, load_while_it_changes))
    await eventually(partial(shelf.is_read, 1), within_seconds=5)

    assert await fill(there, leases[0], b"kept", shelf) == b"kept"
    assert (await reading)[0].body == b"kept"
    assert shelf.reads == 1


async def test_what_changes_in_every_read_is_shown_in_the_end(here: Cache, there: Cache, shelf: Shelf) -> None:
    async def load_while_it_changes() -> Copy:
        await there.forget([KEY])
        return await shelf.load()

    started = time.monotonic()
    copy, source = await here.read(KEY, LONG, load_while_it_changes)

    assert (copy.body, source) == (b"old", Source.MISS)
    assert PATIENCE_SECONDS <= time.monotonic() - started < PATIENCE_SECONDS + sum(WAITS_SECONDS)


async def test_what_no_change_deletes_is_shown_though_others_may_fill_it(here: Cache, there: Cache, redis: Redis, shelf: Shelf) -> None:
    leases: list[Look] = []

    async def load_past_the_lease() -> Copy:
        await there.forget([KEY])  # as when its time is over
        leases.append(await ask(there, redis))
        return await shelf.load()

    async with asyncio.timeout(_NO_WAIT_SECONDS):
        assert (await here.read(KEY, _BRIEF, load_past_the_lease))[0].body == b"old"

    assert await fill(there, leases[0], b"kept", shelf) == b"kept"
