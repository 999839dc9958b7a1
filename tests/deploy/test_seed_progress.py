"""Without these, a person who waits for minutes does not know for how many, or a log fills with one line a batch."""

from collections.abc import Iterator

import pytest

from deploy.local.progress import BAR_WIDTH, Progress, bar, describe


@pytest.mark.parametrize(
    ("done", "seconds", "told"),
    [
        (0, 0.0, "  0 %  0 of 1,000,000 rows"),
        (250_000, 10.0, " 25 %  250,000 of 1,000,000 rows  25,000/s  30 s left"),
        (1_000_000, 40.0, "100 %  1,000,000 of 1,000,000 rows  25,000/s  0 s left"),
    ],
)
def test_a_line_says_how_far_how_fast_and_how_long_still(done: int, seconds: float, told: str) -> None:
    assert describe(done, 1_000_000, began_with=0, unit="rows", seconds=seconds) == told


def test_what_was_there_before_is_not_counted_as_speed() -> None:
    assert describe(75, 100, began_with=50, unit="rows", seconds=5.0) == " 75 %  75 of 100 rows  5/s  5 s left"


@pytest.mark.parametrize(("done", "filled"), [(0, 0), (50, BAR_WIDTH // 2), (99, BAR_WIDTH - 1), (100, BAR_WIDTH)])
def test_a_bar_is_full_only_in_the_end(done: int, filled: int) -> None:
    assert bar(done, 100) == f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]"


def test_where_output_is_kept_a_line_comes_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock: Iterator[float] = iter([0.0, 0.0, 1.0, 5.0, 6.0, 10.0])
    progress = Progress(100, unit="rows", clock=lambda: next(clock))

    for done in (0, 10, 50, 60, 100):
        progress.show(done)

    assert [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()] == ["50 of 100 rows", "100 of 100 rows"]
