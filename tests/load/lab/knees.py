"""The knee of a configuration: the highest rate at which nobody waits long and hardly anything fails.

Rates rise by half until one is too much, then the gap is halved until it is narrow. A rate that was a little too much is tried once
more: what else a machine does can make a rate look worse than it is, and never better.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from tests.load.lab.results import Latencies, Step
from tests.load.lab.tallies import Tally

P99_MS_MAX = 50.0
ERRORS_MAX = 0.001
LITTLE = 3  # times what is allowed; beyond it a second look would be a waste of the time that there is
RISE = 1.5
FALL = 2.0  # while not even the first rate was within
NARROW = 1.08  # a gap of eight percent; runs of one rate differ by as much
RATE_MIN = 20.0  # below it a step of seconds has too few requests for a p99

Try = Callable[[float], Awaitable[Step]]


@dataclass(frozen=True, slots=True)
class Climb:
    """What was tried, in that order."""

    steps: Sequence[Step]

    @property
    def knee(self) -> Step | None:
        within = [step for step in self.steps if step.is_within]
        return max(within, key=lambda step: step.offered_rps, default=None)


async def climb(attempt: Try, *, start_rps: float, is_time_left: Callable[[], bool]) -> Climb:
    """Find the knee, or come as near to it as the time allows."""
    steps: list[Step] = []
    low, high = 0.0, float("inf")
    rate = start_rps
    while is_time_left() and rate >= RATE_MIN:
        step = await attempt(rate)
        steps.append(step)
        if not step.is_within and _is_near(step) and is_time_left():
            step = await attempt(rate)
            steps.append(step)
        low, high = (max(low, rate), high) if step.is_within else (low, min(high, rate))
        if low and high / low < NARROW:
            break
        rate = _next(low, high)
    return Climb(steps)


def _next(low: float, high: float) -> float:
    if high == float("inf"):
        return low * RISE
    return sqrt(low * high) if low else high / FALL


def judge(tally: Tally, offered_rps: float) -> Step:
    """Of what was due in the tally."""
    latencies = tally.latencies()
    return Step(
        offered_rps=offered_rps,
        answered_rps=tally.ok / tally.seconds,
        latencies=latencies,
        errors=tally.errors,
        is_within=_is_within(latencies, tally.errors),
    )


def _is_near(step: Step) -> bool:
    return step.latencies.p99_ms < LITTLE * P99_MS_MAX and step.errors < LITTLE * ERRORS_MAX


def _is_within(latencies: Latencies, errors: float) -> bool:
    return latencies.p99_ms < P99_MS_MAX and errors < ERRORS_MAX
