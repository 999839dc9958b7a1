"""Without these, the load lab calls a rate a knee that was not held, or stops below one that was."""

from collections.abc import Iterator

from tests.load.lab.knees import NARROW, RATE_MIN, Climb, climb, judge
from tests.load.lab.results import Latencies, Step
from tests.load.lab.tallies import Tally


def step(rate: float, *, p99_ms: float) -> Step:
    return Step(rate, rate, Latencies(1, 2, p99_ms), errors=0.0, is_within=p99_ms < 50)


async def find(knee: float, *, start: float, steps: int = 50, spoiled: int | None = None) -> Climb:
    """Climb on a machine that holds every rate up to `knee`, while there is time for so many steps; one of them is disturbed."""
    left: Iterator[int] = iter(range(steps))
    number = 0

    async def attempt(rate: float) -> Step:
        nonlocal number
        number += 1
        return step(rate, p99_ms=10 if rate <= knee and number != spoiled else 60)

    return await climb(attempt, start_rps=start, is_time_left=lambda: next(left, None) is not None)


async def test_the_highest_rate_that_is_held_is_found_from_below_and_from_above() -> None:
    for start in (100, 5_000):
        found = (await find(1_234, start=start)).knee

        assert found is not None
        assert 1_234 / NARROW <= found.offered_rps <= 1_234


async def test_a_rate_that_something_else_disturbed_is_tried_again() -> None:
    found = await find(1_000, start=900, spoiled=1)

    assert [one.offered_rps for one in found.steps[:2]] == [900, 900]
    assert found.knee is not None
    assert found.knee.offered_rps >= 900


async def test_a_climb_that_runs_out_of_time_has_the_best_so_far() -> None:
    found = (await find(1_000_000, start=100, steps=3)).knee

    assert found is not None
    assert found.offered_rps == 225


async def test_a_machine_that_holds_nothing_has_no_knee() -> None:
    found = await find(1, start=1_000)

    assert found.knee is None
    assert min(one.offered_rps for one in found.steps) >= RATE_MIN


def tally(*, quick: int, slow: int = 0, refused: int = 0) -> Tally:
    made = Tally(("read",), seconds=2.0)
    for count, status, seconds in ((quick, 200, 0.01), (slow, 200, 0.2), (refused, 429, 0.001)):
        for _ in range(count):
            made.kind.append(0)
            made.status.append(status)
            made.due.append(0.0)
            made.latency.append(seconds)
    return made


def test_one_slow_answer_in_a_hundred_is_too_much_and_so_is_one_refusal_in_a_thousand() -> None:
    assert judge(tally(quick=998, slow=2), 500).is_within
    assert not judge(tally(quick=980, slow=20), 500).is_within
    assert not judge(tally(quick=998, refused=2), 500).is_within
    assert judge(tally(quick=998, refused=2), 500).answered_rps == 499
