"""How often somebody may ask: buckets that leak, decided in Redis for all processes together or in this one alone.

A bucket holds `burst` requests and empties in `seconds`; it is kept as the instant at which it will be empty (GCRA, the
generic cell rate algorithm of ATM networks): one number, exact, and no second burst at the edge of a window.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.runtime.redis_wire import Part

BUCKETS_MAX = 50_000  # of one process without Redis, some 10 MB; whoever asks from more addresses than that gets new buckets


@dataclass(frozen=True, slots=True)
class Policy:
    """`burst` requests at once, and as many again in each `seconds`."""

    name: str
    burst: int
    seconds: int

    @property
    def cost_us(self) -> int:
        """For how many microseconds one request keeps the bucket from being empty."""
        return max(self.window_us // self.burst, 1)

    @property
    def window_us(self) -> int:
        return self.seconds * 1_000_000

    def scaled(self, factor: float) -> "Policy":
        """More generous or stricter: as many seconds, another burst."""
        return replace(self, burst=max(math.ceil(self.burst * factor), 1))


@dataclass(frozen=True, slots=True)
class Bucket:
    """Of one policy, for one of those whom it limits."""

    policy: Policy
    holder: str

    @property
    def key(self) -> str:
        return f"limit:{self.policy.name}:{self.holder}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How full the buckets are, or would be; a request is admitted if none would overflow."""

    buckets: Sequence[Bucket]
    ahead_us: Sequence[int]  # until each would be empty
    is_local: bool = False  # of this process alone, because Redis does not answer

    @property
    def refused_by(self) -> Policy | None:
        """The policy that has to be waited for longest, if any refuses."""
        return max(self._waits(), default=(0, None), key=lambda wait: wait[0])[1]

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
    pairs = [(bucket.policy, ahead) for one in verdicts for bucket, ahead in zip(one.buckets, one.ahead_us, strict=True)]
    if not pairs:
        return []
    policies = ", ".join([f'"{policy.name}";q={policy.burst};w={policy.seconds}' for policy, _ in pairs])
    return [(b"ratelimit-policy", policies.encode()), (b"ratelimit", ", ".join([_state(*pair) for pair in pairs]).encode())]


def _state(policy: Policy, ahead_us: int) -> str:
    left = policy.window_us - ahead_us
    wait_us = ahead_us if left >= 0 else -left
    return f'"{policy.name}";r={max(left // policy.cost_us, 0)};t={-(-wait_us // 1_000_000)}'


def question(buckets: Sequence[Bucket]) -> tuple[list[Part], list[Part]]:
    """The keys and arguments with which `ask_edge.lua` looks at these buckets, and charges them if none overflows."""
    arguments: list[Part] = [len(buckets)]
    for bucket in buckets:
        arguments += (bucket.policy.cost_us, bucket.policy.window_us)
    return [bucket.key for bucket in buckets], arguments


class LocalBuckets:
    """Buckets of this process alone, for while Redis does not answer: each holds its share of what all processes may let in."""

    def __init__(self, *, processes: int) -> None:
        self._processes = processes
        self._empty_at: OrderedDict[str, int] = OrderedDict()

    def decide(self, buckets: Sequence[Bucket]) -> Verdict:
        """As the script in Redis does."""
        now = time.monotonic_ns() // 1_000
        ahead = [max(self._empty_at.get(one.key, now) - now, 0) + self._cost_us(one.policy) for one in buckets]
        verdict = Verdict(buckets, ahead, is_local=True)
        if verdict.refused_by is None:
            for bucket, until in zip(buckets, ahead, strict=True):
                self._empty_at[bucket.key] = now + until
                self._empty_at.move_to_end(bucket.key)
            while len(self._empty_at) > BUCKETS_MAX:
                self._empty_at.popitem(last=False)
        return verdict

    def _cost_us(self, policy: Policy) -> int:
        """More by the number of processes; even then a bucket takes one request."""
        return min(policy.cost_us * self._processes, policy.window_us)
