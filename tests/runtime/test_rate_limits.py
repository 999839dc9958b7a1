"""Without these, a limit lets in twice what it says, or punishes callers for what another limit has refused them."""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis as Client

from services.runtime.cache import ASK_EDGE
from services.runtime.rate_limits import BUCKETS_MAX, Bucket, LocalBuckets, Policy, Verdict, question
from services.runtime.redis import Redis
from tests.support.options import Rounds

_HOUR_SECONDS = 3_600  # a window in which no test of ours runs long enough for a request to be forgotten
_DRIFT_US = 60_000_000

Decide = Callable[[Sequence[Bucket]], Awaitable[Verdict]]


class Clock:
    def __init__(self) -> None:
        self.now_us = 10**12

    def __call__(self) -> int:
        return self.now_us * 1_000


def in_redis(redis: Redis) -> Decide:
    async def decide(buckets: Sequence[Bucket]) -> Verdict:
        keys, arguments = question(buckets)
        [ahead] = await redis.run(ASK_EDGE, keys, *arguments)
        return Verdict(buckets, ahead)

    return decide


def in_this_process(local: LocalBuckets) -> Decide:
    async def decide(buckets: Sequence[Bucket]) -> Verdict:
        return local.decide(buckets)

    return decide


@pytest.fixture(params=["redis", "local"])
def decide(request: pytest.FixtureRequest, redis: Redis) -> Decide:
    return in_redis(redis) if request.param == "redis" else in_this_process(LocalBuckets(processes=1))


def bucket(name: str, burst: int, seconds: int = _HOUR_SECONDS) -> Bucket:
    return Bucket(Policy(name, burst, seconds), "somebody")


@given(
    st.builds(Policy, st.just("any"), burst=st.integers(1, 30), seconds=st.integers(1, 100)),
    st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=80),
)
def test_in_no_stretch_of_time_is_more_let_in_than_a_burst_and_what_the_rate_allows(policy: Policy, gaps: list[float]) -> None:
    clock = Clock()
    local, admitted = LocalBuckets(processes=1, clock_ns=clock), []
    for gap in gaps:  # in requests that the bucket forgets meanwhile
        clock.now_us += round(gap * policy.cost_us)
        if local.decide([Bucket(policy, "somebody")]).refused_by is None:
            admitted.append(clock.now_us)

    for (i, first), (j, last) in combinations(enumerate(admitted), 2):
        assert (j - i + 1) * policy.cost_us <= policy.window_us + last - first


@given(st.builds(Policy, st.just("any"), burst=st.integers(1, 30), seconds=st.integers(1, 100)))
def test_who_is_refused_is_let_in_when_told_to_come_back_and_not_before(policy: Policy) -> None:
    clock = Clock()
    local, one = LocalBuckets(processes=1, clock_ns=clock), Bucket(policy, "somebody")
    assert [local.decide([one]).refused_by for _ in range(policy.burst)] == [None] * policy.burst

    refused = local.decide([one])
    assert refused.refused_by == policy
    wait_us = refused.ahead_us[0] - policy.window_us
    clock.now_us += wait_us - 1
    assert local.decide([one]).refused_by == policy
    clock.now_us += 1
    assert local.decide([one]).refused_by is None
    assert 0 <= refused.retry_after_seconds * 1_000_000 - wait_us < 1_000_000


async def test_a_burst_is_let_in_and_nothing_above_it(decide: Decide) -> None:
    verdicts = [await decide([bucket("hourly", 7)]) for _ in range(20)]

    assert [verdict.refused_by is None for verdict in verdicts] == [True] * 7 + [False] * 13
    assert all(0 < verdict.retry_after_seconds <= _HOUR_SECONDS / 7 + 1 for verdict in verdicts[7:])


async def test_what_one_limit_refuses_costs_nothing_with_the_others(decide: Decide, cache_url: str) -> None:
    strict, generous, other = bucket("strict", 1), bucket("generous", 3), bucket("other", 2)
    assert (await decide([strict])).refused_by is None

    for order in ([strict, generous, other], [generous, strict, other], [other, generous, strict]):
        assert (await decide(order)).refused_by == strict.policy

    async with Client.from_url(cache_url) as client:
        assert await client.exists(generous.key, other.key) == 0
    assert [(await decide([generous, other])).refused_by for _ in range(3)] == [None, None, other.policy]
    assert [(await decide([generous])).refused_by for _ in range(2)] == [None, generous.policy]


async def test_redis_and_a_process_alone_decide_alike(redis: Redis, rounds: Rounds) -> None:
    together, alone = in_redis(redis), in_this_process(LocalBuckets(processes=1))
    for n in range(rounds(quick=30, proof=1_000)):
        buckets = [Bucket(Policy(f"policy-{n}-{burst}", burst, _HOUR_SECONDS), "somebody") for burst in (1, 2, 5, 9)]
        for _ in range(12):
            asked = random.sample(buckets, random.randint(1, 4))
            one, other = await together(asked), await alone(asked)
            assert one.refused_by == other.refused_by
            assert all(abs(a - b) < _DRIFT_US for a, b in zip(one.ahead_us, other.ahead_us, strict=True))


async def test_the_clock_is_that_of_redis_whatever_those_who_ask_believe(
    redis: Redis, cache_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide, one = in_redis(redis), bucket("hourly", 1)
    assert (await decide([one])).refused_by is None
    async with Client.from_url(cache_url) as client:
        seconds, microseconds = await client.time()
        until_us = int(await client.get(one.key) or 0)
        assert 0 <= seconds * 1_000_000 + microseconds + one.policy.window_us - until_us < _DRIFT_US
        assert await client.pttl(one.key) <= _HOUR_SECONDS * 1_000

        started, started_ns = time.time(), time.monotonic_ns()
        monkeypatch.setattr(time, "time", lambda: started + 2 * _HOUR_SECONDS)
        monkeypatch.setattr(time, "monotonic_ns", lambda: started_ns + 2 * _HOUR_SECONDS * 10**9)

        assert (await decide([one])).refused_by == one.policy


async def test_a_bucket_that_is_empty_again_is_no_longer_kept(redis: Redis, cache_url: str) -> None:
    await in_redis(redis)([bucket("short", 100, seconds=100)])

    async with Client.from_url(cache_url) as client:
        assert 0 < await client.pttl("limit:short:somebody") <= 1_000


@pytest.mark.parametrize(("burst", "processes", "admitted"), [(20, 1, 20), (20, 4, 20), (21, 4, 20), (500, 2, 500), (3, 2, 2), (1, 2, 2)])
def test_processes_that_decide_alone_let_in_together_what_one_would(burst: int, processes: int, admitted: int) -> None:
    """Or a little less; but each lets in one, or nobody could do at all what is allowed once."""
    alone = [LocalBuckets(processes=processes) for _ in range(processes)]

    verdicts = [one.decide([bucket("hourly", burst)]) for one in alone for _ in range(burst + 1)]

    assert sum(verdict.refused_by is None for verdict in verdicts) == admitted
    assert all(verdict.is_local for verdict in verdicts)


@given(st.integers(1, 4), st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=60))
def test_the_rate_of_all_processes_together_is_that_of_one(processes: int, gaps: list[float]) -> None:
    policy, clock, admitted = Policy("any", 12, 60), Clock(), []
    alone = [LocalBuckets(processes=processes, clock_ns=clock) for _ in range(processes)]
    for gap in gaps:
        clock.now_us += round(gap * policy.cost_us)
        admitted += [clock.now_us for one in alone if one.decide([Bucket(policy, "somebody")]).refused_by is None]

    for (i, first), (j, last) in combinations(enumerate(admitted), 2):
        # Each of them may be at the end of a request's time: one more for each than a single bucket would let in.
        assert (j - i + 1) * policy.cost_us <= policy.window_us + last - first + processes * policy.cost_us


def test_whoever_asks_from_ever_new_addresses_fills_no_memory() -> None:
    local, policy = LocalBuckets(processes=1), Policy("hourly", 1, _HOUR_SECONDS)
    assert local.decide([Bucket(policy, "first")]).refused_by is None
    for n in range(BUCKETS_MAX - 1):
        local.decide([Bucket(policy, str(n))])
    assert local.decide([Bucket(policy, "first")]).refused_by == policy

    local.decide([Bucket(policy, "one more")])

    assert local.decide([Bucket(policy, "first")]).refused_by is None
