"""Without these, one caller reads what was meant for another, and every request waits for a Redis that answers nobody."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvloop
from redis.exceptions import RedisError

from services.runtime.redis import FAILURES_MAX, Redis, Script, open_redis
from services.runtime.redis_wire import PENDING_MAX, RedisUnavailable
from tests.support.eventually import eventually
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.options import Rounds
from tests.support.own_valkey import OwnValkey
from tests.support.settings import NO_REDIS

_PATIENT_SECONDS = 10.0  # no test of what is answered minds how long it takes
_LIMIT_SECONDS = 0.1
_HEALS_WITHIN_SECONDS = 2
_ECHO = Script("return {KEYS[1], ARGV[1]}")


async def ask_own(redis: Redis, n: int) -> None:
    """One of several kinds of question; its answer must carry its own number."""
    own = f"question-{n}"
    match n % 4:
        case 0:
            assert await redis.ask("ECHO", own) == own.encode()
        case 1:
            assert await redis.run(_ECHO, [own], "x" * (n % 40_000)) == [own.encode(), b"x" * (n % 40_000)]
        case 2:
            assert f"no-{own}'" in await refusal(redis, f"no-{own}")
        case _:
            assert await redis.ask("GET", own) is None


async def refusal(redis: Redis, command: str) -> str:
    """What Redis itself says to a command that it does not know."""
    try:
        return f"answered: {await redis.ask(command)}"
    except RedisUnavailable:
        raise
    except RedisError as error:
        return str(error)


async def is_answered(redis: Redis) -> bool:
    try:
        return bool(await redis.ask("PING") == b"PONG")
    except RedisUnavailable:
        return False


async def answers_again(redis: Redis) -> None:
    await eventually(partial(is_answered, redis), within_seconds=_HEALS_WITHIN_SECONDS)


async def fail_often(redis: Redis, times: int) -> None:
    """Ask at once what nobody answers in time."""
    answers = await asyncio.gather(*(redis.ask("PING") for _ in range(times)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {RedisUnavailable}


@asynccontextmanager
async def on_a_bad_line(url: str, *, timeout_seconds: float) -> AsyncIterator[tuple[Redis, FaultProxy]]:
    async with fault_proxy(url) as line, open_redis(line.url, timeout_seconds=timeout_seconds) as redis:
        yield redis, line


async def test_of_many_questions_at_once_each_gets_its_own_answer(cache_url: str, rounds: Rounds) -> None:
    async with open_redis(cache_url, timeout_seconds=_PATIENT_SECONDS) as redis:
        for _ in range(rounds(quick=3, proof=100)):
            await asyncio.gather(*(ask_own(redis, n) for n in random.sample(range(100_000), 1_000)))


async def test_who_stops_waiting_leaves_their_answer_to_nobody(cache_url: str, rounds: Rounds) -> None:
    async with on_a_bad_line(cache_url, timeout_seconds=_PATIENT_SECONDS) as (redis, line):
        line.latency_seconds, line.jitter_seconds = 0.001, 0.005
        for _ in range(rounds(quick=10, proof=300)):
            asking = [asyncio.create_task(ask_own(redis, n)) for n in random.sample(range(10_000), 100)]
            leaving = random.sample(asking, 40)
            await asyncio.sleep(random.choice((0, 0.003)))  # some before their question has left, some after
            for task in leaving:
                task.cancel()
            await asyncio.wait(asking)
            assert all(task.cancelled() or task.exception() is None for task in asking)
            await asyncio.gather(*(task for task in asking if task not in leaving))


async def test_a_connection_that_is_cut_refuses_who_waits_and_mixes_up_nobody(cache_url: str, rounds: Rounds) -> None:
    async with on_a_bad_line(cache_url, timeout_seconds=_PATIENT_SECONDS) as (redis, line):
        cuts = rounds(quick=4, proof=100)
        for _ in range(cuts):
            line.latency_seconds = 0.02
            asking = [asyncio.create_task(ask_own(redis, n)) for n in random.sample(range(10_000), 100)]
            await asyncio.sleep(random.uniform(0, 0.03))
            await line.reset()
            await asyncio.wait(asking)
            assert {type(task.exception()) for task in asking} <= {RedisUnavailable, type(None)}
            line.latency_seconds = 0
            await answers_again(redis)
        assert redis.times_lost == cuts


async def test_a_script_that_redis_has_forgotten_is_told_again(own_valkey: OwnValkey) -> None:
    async with open_redis(own_valkey.url, timeout_seconds=_PATIENT_SECONDS) as redis:
        for forget in (own_valkey.forget_everything, own_valkey.forget_everything, own_valkey.restart):
            await forget()
            await answers_again(redis)
            replies = await asyncio.gather(*(redis.run(_ECHO, [str(n)], n) for n in range(50)))
            assert replies == [[str(n).encode()] * 2 for n in range(50)]


@pytest.mark.parametrize("how", ["hung", "killed"])
async def test_a_server_that_is_gone_refuses_in_time_then_at_once_and_is_asked_again_when_it_is_back(
    own_valkey: OwnValkey, how: str
) -> None:
    async with open_redis(own_valkey.url, timeout_seconds=_LIMIT_SECONDS) as redis:
        await answers_again(redis)
        own_valkey.hang() if how == "hung" else own_valkey.kill()

        started = time.monotonic()
        await fail_often(redis, FAILURES_MAX)
        assert time.monotonic() - started < _LIMIT_SECONDS * FAILURES_MAX  # together, not one after the other
        started = time.monotonic()
        for _ in range(100):
            await fail_often(redis, 1)
        assert time.monotonic() - started < _LIMIT_SECONDS * 50
        assert not redis.is_up

        own_valkey.go_on() if how == "hung" else await own_valkey.start()
        await answers_again(redis)


async def test_a_server_that_is_slow_is_not_waited_for_until_it_is_quick_again(cache_url: str) -> None:
    async with on_a_bad_line(cache_url, timeout_seconds=_LIMIT_SECONDS) as (redis, line):
        line.latency_seconds = 0.2
        await fail_often(redis, FAILURES_MAX)
        assert redis.late_answers == FAILURES_MAX

        for _ in range(10):
            await asyncio.sleep(0.05)  # time enough to connect and be greeted, too late each time
            assert not redis.is_up

        line.latency_seconds = 0
        await answers_again(redis)


async def test_an_answer_that_comes_too_late_is_nobody_elses(cache_url: str) -> None:
    async with on_a_bad_line(cache_url, timeout_seconds=_LIMIT_SECONDS) as (redis, line):
        line.hang()
        await fail_often(redis, FAILURES_MAX - 1)
        line.resume()
        for n in range(8):
            await ask_own(redis, n)

        assert redis.is_up
        assert redis.times_lost == 0


async def test_a_few_slow_moments_with_quick_ones_in_between_are_no_outage(cache_url: str) -> None:
    async with on_a_bad_line(cache_url, timeout_seconds=_LIMIT_SECONDS) as (redis, line):
        for _ in range(3):
            line.hang()
            await fail_often(redis, FAILURES_MAX - 1)
            line.resume()
            assert await redis.ask("PING") == b"PONG"
        assert redis.times_lost == 0


def test_a_process_that_was_busy_itself_does_not_blame_redis(cache_url: str) -> None:
    """In the loop that production runs on."""

    async def ask_and_be_busy() -> bytes:
        async with open_redis(cache_url, timeout_seconds=_LIMIT_SECONDS) as redis:
            asking = asyncio.create_task(redis.ask("ECHO", "own"))
            for _ in range(2):
                await asyncio.sleep(0)  # the question has left, and the answer comes while nobody reads
            time.sleep(2 * _LIMIT_SECONDS)  # noqa: ASYNC251  # as a process does that hashes, or has no processor
            return bytes(await asking)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask_and_be_busy()) == b"own"


async def test_more_questions_than_a_process_can_have_are_refused(cache_url: str) -> None:
    async with on_a_bad_line(cache_url, timeout_seconds=_PATIENT_SECONDS) as (redis, line):
        line.hang()
        asking = [asyncio.create_task(redis.ask("ECHO", n)) for n in range(PENDING_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(RedisUnavailable, match="too many"):
            await redis.ask("PING")
        line.resume()
        assert await asyncio.gather(*asking) == [str(n).encode() for n in range(PENDING_MAX)]


async def test_whoever_starts_without_redis_finds_it_when_it_comes(own_valkey: OwnValkey) -> None:
    own_valkey.kill()
    async with open_redis(own_valkey.url, timeout_seconds=_LIMIT_SECONDS) as redis:
        with pytest.raises(RedisUnavailable):
            await redis.ask("PING")
        await own_valkey.start()
        await answers_again(redis)


async def test_nobody_is_asked_after_the_end(cache_url: str) -> None:
    async with open_redis(cache_url, timeout_seconds=_PATIENT_SECONDS) as redis:
        late = asyncio.create_task(redis.ask("BLPOP", "never", 0))
        await asyncio.sleep(0)
    for asked in (late, redis.ask("PING")):
        with pytest.raises(RedisUnavailable):
            await asked


async def test_nobody_waits_for_a_server_that_is_not_there() -> None:
    async with open_redis(NO_REDIS, timeout_seconds=_PATIENT_SECONDS) as redis:
        await fail_often(redis, 100)
