"""How often somebody may ask: buckets that leak, decided in Redis for all processes together or in this one alone.

A bucket holds `burst` requests and empties in `seconds`; it is kept as the instant at which it will be empty (GCRA, the
generic cell rate algorithm of ATM networks): one number, exact, and no second burst at the edge of a window.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from services.runtime.redis_wire import Part

BUCKETS_MAX = 50_000  # of one process without Redis, some 10 MB; whoever asks from more addresses than that gets new buckets


@dataclass(frozen=True, slots=True)
class Policy:
    """`burst` requests at once, and as many again in each `seconds`."""

    name: str
    burst: int
    seconds: int
    # In microseconds: how long the full bucket takes to be empty, and for how long of it one request is there.
    window_us: int = field(init=False, repr=False)
    cost_us: int = field(init=False, repr=False)
    header: str = field(init=False, repr=False)  # how RateLimit-Policy says it

    def __post_init__(self) -> None:
        object.__setattr__(self, "window_us", self.seconds * 1_000_000)
        object.__setattr__(self, "cost_us", max(self.window_us // self.burst, 1))
        object.__setattr__(self, "header", f'"{self.name}";q={self.burst};w={self.seconds}')

    def scaled(self, factor: float) -> "Policy":
        """More generous or stricter: as many seconds, another burst."""
        return replace(self, burst=max(math.ceil(self.burst * factor), 1))


class Bucket(NamedTuple):
    """Of one policy, for one of those whom it limits."""

    policy: Policy
    holder: str

    @property
    def key(self) -> str:
        return f"limit:{self.policy.name}:{self.holder}"


class Verdict(NamedTuple):
    """How full the buckets are, or would be; a request is admitted if none would overflow."""

    buckets: Sequence[Bucket]
    ahead_us: Sequence[int]  # until each would be empty
    is_local: bool = False  # of this process alone, because Redis does not answer

    @property
    def refused_by(self) -> Policy | None:
        """The policy that has to be waited for longest, if any refuses."""
        return max(self._waits(), default=(0, None), key=lambda wait: wait[0])[1]

    @property
    def is_admitted(self) -> bool:
        return all(ahead <= bucket.policy.window_us for bucket, ahead in zip(self.buckets, self.ahead_us, strict=True))

    @property
    def retry_after_seconds(self) -> int:
        """Rounded up; at least 1, which is the least that Retry-After can say."""
        return max(math.ceil(max((wait for wait, _ in self._waits()), default=0) / 1_000_000), 1)

    def _waits(self) -> list[tuple[int, Policy]]:
        return [
            (ahead - bucket.policy.window_us, bucket.policy)
            for bucket, ahead in zip(self.buckets, self.ahead_us, strict=True)
            if ahead > bucket.policy.window_us
        ]


def headers(verdicts: Sequence[Verdict]) -> list[tuple[bytes, bytes]]:
    """RateLimit-Policy and RateLimit, as draft 10 of the IETF's writes them; `t` is when the bucket is empty, or can be used again."""
    policies, states = [], []
    for verdict in verdicts:
        is_charged = verdict.is_admitted
        for (policy, _), ahead_us in zip(verdict.buckets, verdict.ahead_us, strict=True):
            left_us = policy.window_us - ahead_us
            wait_us = ahead_us if left_us >= 0 else -left_us
            left = (left_us if is_charged else left_us + policy.cost_us) // policy.cost_us
            policies.append(policy.header)
            states.append(f'"{policy.name}";r={max(left, 0)};t={-(-wait_us // 1_000_000)}')
    if not policies:
        return []
    return [(b"ratelimit-policy", ", ".join(policies).encode()), (b"ratelimit", ", ".join(states).encode())]


def question(buckets: Sequence[Bucket]) -> tuple[list[Part], list[Part]]:
    """The keys and arguments with which `ask_edge.lua` looks at these buckets, and charges them if none overflows."""
    keys: list[Part] = []
    arguments: list[Part] = [len(buckets)]
    for bucket in buckets:
        keys.append(bucket.key)
        arguments += (bucket.policy.cost_us, bucket.policy.window_us)
    return keys, arguments


class LocalBuckets:
    """Buckets of this process alone, for while Redis does not answer: each holds its share of what all processes may let in."""

    def __init__(self, *, processes: int, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._processes = processes
        self._clock_ns = clock_ns
        self._empty_at: OrderedDict[str, int] = OrderedDict()

    def decide(self, buckets: Sequence[Bucket]) -> Verdict:
        """As the script in Redis does."""
        now = self._clock_ns() // 1_000
        ahead = [max(self._empty_at.get(one.key, now) - now, 0) + self._cost_us(one.policy) for one in buckets]
        verdict = Verdict(buckets, ahead, is_local=True)
        if verdict.is_admitted:
            for bucket, until in zip(buckets, ahead, strict=True):
                self._empty_at[bucket.key] = now + until
                self._empty_at.move_to_end(bucket.key)
            while len(self._empty_at) > BUCKETS_MAX:
                self._empty_at.popitem(last=False)
        return verdict

    def _cost_us(self, policy: Policy) -> int:
        """More by the number of processes; even then a bucket takes one request."""
        return min(policy.cost_us * self._processes, policy.window_us)
