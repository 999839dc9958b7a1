"""Without these, an hour of load passes though Holdfast grows."""

from collections.abc import Sequence

import pytest

from tests.load.lab.tallies import BROKEN, Tally
from tests.load.soak import Round, breaches

MINUTE = 60
WARM_UP = 2 * MINUTE


def minutes(*, api_mb: Sequence[float], files: Sequence[int] = (9,) * 6, died_in: int | None = None, failed: int = 0) -> list[Round]:
    """A round for each figure; two of them are the warm-up."""
    return [
        Round(
            number * MINUTE,
            tally(1_000, failed),
            frozenset({1, 2, 3} if died_in is None or number < died_in else {1, 2, 4}),
            {"api": memory, "worker": 100, "relay": 80},
            {"api": count, "worker": 5, "relay": 5},
        )
        for number, (memory, count) in enumerate(zip(api_mb, files, strict=True), 1)
    ]


def tally(requests: int, failed: int) -> Tally:
    made = Tally(["read"], MINUTE)
    for number in range(requests):
        made.kind.append(0)
        made.status.append(BROKEN if number < failed else 200)
        made.due.append(0.0)
        made.latency.append(0.001)
    return made


def test_what_stays_as_it_was_after_the_warm_up_is_no_breach() -> None:
    grown_in_the_warm_up = minutes(api_mb=[100, 200, 205, 199, 206, 209], files=[9, 30, 30, 28, 30, 30])

    assert list(breaches(grown_in_the_warm_up, warm_up=WARM_UP)) == []


@pytest.mark.parametrize(
    ("rounds", "sentence"),
    [
        (minutes(api_mb=[100, 200, 203, 207, 210, 213]), "api grew from 200.0 to 210.0 MB, by 5.0%"),
        (minutes(api_mb=[200] * 6, files=[9, 9, 9, 9, 9, 10]), "api had 9 files open in the warm-up, and 10 after it"),
        (minutes(api_mb=[200] * 6, died_in=4), "a process died, or there is one more"),
        (minutes(api_mb=[200] * 6, failed=2), "0.20% of the requests failed"),
        (minutes(api_mb=[200, 200], files=[9, 9]), "the run ended in its warm-up: nothing was shown"),
    ],
)
def test_what_is_not_as_it_must_be_is_said(rounds: list[Round], sentence: str) -> None:
    assert list(breaches(rounds, warm_up=WARM_UP)) == [sentence]


def test_one_bad_minute_is_no_growth() -> None:
    assert list(breaches(minutes(api_mb=[200, 200, 200, 200, 290, 201]), warm_up=WARM_UP)) == []
