"""Without these, Redis is not a cache but a second database: the shop is closed whenever it is ill."""

import asyncio
from collections import Counter
from dataclasses import replace
from functools import partial
from statistics import median
from time import monotonic

from tests.faults.redis.conftest import TIMEOUT_MS
from tests.faults.redis.pulse import pulse
from tests.faults.traffic import SKUS, Traffic, assert_nothing_is_lost_or_done_twice
from tests.support.api import api_at, open_api
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.fault_proxy import FaultProxy
from tests.support.invariants import assert_invariants
from tests.support.load import Load, load
from tests.support.options import Rounds
from tests.support.own_valkey import OwnValkey
from tests.support.people import People
from tests.support.processes import Api as ApiProcess
from tests.support.processes import Processes

_PER_SECOND = 60
_TIMEOUT_SECONDS = int(TIMEOUT_MS) / 1_000
_OUTAGE_SECONDS = 2.0
_NOTICED_SECONDS = 0.5  # after which nobody waits for it any more
_BUSY_SECONDS = 0.5  # that a machine which does other things may take from a single request
_RECOVERED_SECONDS = 2


async def is_asked_again(traffic: Traffic) -> bool:
    """Most answers are copies: a machine that is busy may take Redis's 50 ms from any of them."""
    answers = [await traffic.client.http.get(f"/v1/products/{sku}") for sku in SKUS * 4]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.headers["X-Cache"] for answer in answers].count("hit") > len(answers) / 2


async def recovers(traffic: Traffic, *, within_seconds: float) -> None:
    await eventually(partial(is_asked_again, traffic), within_seconds=within_seconds)


async def runs_well(running: Load, traffic: Traffic) -> None:
    await recovers(traffic, within_seconds=10)
    await running.succeeds(times=_PER_SECOND, within_seconds=10)


def seconds_of(running: Load, since: float, until: float) -> list[float]:
    return [one.seconds for one in running.heard if since <= one.started < until]


def assert_nobody_was_turned_away(running: Load) -> None:
    assert {one.status for one in running.heard} <= {200, 201}, [one.code for one in running.heard if not one.is_success]


def assert_little_was_added(running: Load, before: float, ill: float, well: float) -> None:
    """To the first requests the time that Redis is given, then about none."""
    usually = seconds_of(running, before, ill)
    noticed = ill + _NOTICED_SECONDS
    assert max(seconds_of(running, ill, noticed)) < max(usually) + _TIMEOUT_SECONDS + _BUSY_SECONDS
    assert median(seconds_of(running, noticed, well)) < median(usually) + _TIMEOUT_SECONDS / 2


async def test_while_redis_hangs_everybody_is_served_and_no_process_stands_still(
    traffic: Traffic, running: ApiProcess, database: Database, *, valkey: OwnValkey, rounds: Rounds
) -> None:
    async with pulse(running.url) as beating, load(traffic.ask, per_second=_PER_SECOND) as under_load:
        for _ in range(rounds(quick=1, proof=10)):
            before = monotonic()
            await runs_well(under_load, traffic)
            ill = monotonic()
            valkey.hang()
            await asyncio.sleep(_OUTAGE_SECONDS)
            valkey.go_on()
            well = monotonic()
            await recovers(traffic, within_seconds=rounds(quick=10, proof=_RECOVERED_SECONDS))

            assert_little_was_added(under_load, before, ill, well)
            assert beating.slowest(ill, well) < 2 * beating.slowest(before, ill) + _TIMEOUT_SECONDS
    assert_nobody_was_turned_away(under_load)
    await assert_nothing_is_lost_or_done_twice(traffic, under_load.heard, database)
    await assert_invariants(database)


async def test_while_redis_is_down_and_after_it_everybody_is_served(
    traffic: Traffic, database: Database, *, valkey: OwnValkey, rounds: Rounds
) -> None:
    async with load(traffic.ask, per_second=_PER_SECOND) as under_load:
        before = monotonic()
        await runs_well(under_load, traffic)
        ill = monotonic()
        valkey.kill()
        await asyncio.sleep(rounds(quick=2, proof=60))
        well = monotonic()
        assert not await is_asked_again(traffic)
        await valkey.start()
        await recovers(traffic, within_seconds=rounds(quick=10, proof=_RECOVERED_SECONDS))
    assert_little_was_added(under_load, before, ill, well)
    assert_nobody_was_turned_away(under_load)
    await assert_nothing_is_lost_or_done_twice(traffic, under_load.heard, database)


async def test_a_redis_that_forgets_everything_is_told_again(traffic: Traffic, *, valkey: OwnValkey, rounds: Rounds) -> None:
    async with load(traffic.ask, per_second=_PER_SECOND) as under_load:
        for _ in range(rounds(quick=2, proof=50)):
            await runs_well(under_load, traffic)
            await valkey.forget_everything()
            await recovers(traffic, within_seconds=rounds(quick=10, proof=_RECOVERED_SECONDS))
    assert_nobody_was_turned_away(under_load)


async def test_a_redis_that_is_slow_is_done_without(database: Database, line: FaultProxy, *, people: People, rounds: Rounds) -> None:
    async with open_api(database, people, cache_url=line.url, redis_timeout_ms=TIMEOUT_MS) as api:
        traffic = Traffic(await api.staff())
        await traffic.open()
        async with load(traffic.look, per_second=_PER_SECOND) as under_load:
            before = monotonic()
            await runs_well(under_load, traffic)
            ill = monotonic()
            line.latency_seconds = 0.1  # each way
            await asyncio.sleep(_OUTAGE_SECONDS)
            well = monotonic()
            line.latency_seconds = 0
            await recovers(traffic, within_seconds=rounds(quick=10, proof=_RECOVERED_SECONDS))
    assert_little_was_added(under_load, before, ill, well)
    assert_nobody_was_turned_away(under_load)


async def test_while_redis_hangs_the_processes_let_in_together_what_one_limit_allows(
    line: FaultProxy, people: People, processes: Processes
) -> None:
    # Ten at once, two a second.
    running = await processes.api(
        workers=2, where=replace(processes.where, cache_url=line.url), redis_timeout_ms=TIMEOUT_MS, rate_limit_factor="0.02"
    )
    line.hang()
    started = monotonic()
    async with api_at(running.url, people) as api:
        nobody = (await api.client()).http
        answers = await asyncio.gather(*(nobody.get(f"/v1/products/{n}") for n in range(60)))

    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() == {404, 429}
    assert 5 <= statuses[404] <= 10 + 2 * (monotonic() - started) + 1
    assert {answer.json()["code"] for answer in answers if answer.status_code == 429} == {"rate_limited"}
