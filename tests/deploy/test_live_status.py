"""Without these, the picture of the running stack shows speeds that nobody drove, or a line that breaks the terminal."""

import math
from collections.abc import Mapping

import pytest

from deploy.local.live import layout
from deploy.local.live.reading import Between, Reading, parse, quantile
from deploy.local.live.rows import Row, rows
from deploy.local.supervision import Process

REQUESTS = "inventory_http_request_duration_seconds"
# What a worker of the API showed, and ten seconds later: 40 requests more, of which 30 took at most 10 ms, and 4 failed.
EARLIER = """\
# HELP inventory_http_request_duration_seconds From the last byte of a request's head to the last of its answer.
# TYPE inventory_http_request_duration_seconds histogram
inventory_http_request_duration_seconds_bucket{le="0.01",method="GET",route="/v1/products",status="2xx"} 100.0
inventory_http_request_duration_seconds_bucket{le="0.1",method="GET",route="/v1/products",status="2xx"} 100.0
inventory_http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/v1/products",status="2xx"} 100.0
inventory_http_request_duration_seconds_count{method="GET",route="/v1/products",status="2xx"} 100.0
inventory_http_request_duration_seconds_count{method="GET",route="(no route)",status="5xx"} 0.0
inventory_http_requests_in_flight 2.0
inventory_refusals_total{code="insufficient_stock"} 5.0
process_resident_memory_bytes 1.1e+08
"""
LATER = """\
inventory_http_request_duration_seconds_bucket{le="0.01",method="GET",route="/v1/products",status="2xx"} 130.0
inventory_http_request_duration_seconds_bucket{le="0.1",method="GET",route="/v1/products",status="2xx"} 140.0
inventory_http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/v1/products",status="2xx"} 140.0
inventory_http_request_duration_seconds_count{method="GET",route="/v1/products",status="2xx"} 140.0
inventory_http_request_duration_seconds_count{method="GET",route="(no route)",status="5xx"} 4.0
inventory_http_requests_in_flight 3.0
inventory_refusals_total{code="insufficient_stock"} 6.0
"""
SILENT = None


def between(before: Mapping[str, str | None], now: Mapping[str, str | None]) -> Between:
    """What happened in ten seconds, by what each target showed."""
    first, second = ({name: parse(text) if text else None for name, text in shown.items()} for shown in (before, now))
    return Between(Reading(100.0, first), Reading(110.0, second))


@pytest.fixture
def one_worker() -> Between:
    return between({"api 9400": EARLIER}, {"api 9400": LATER})


def said(between: Between) -> dict[str, Row]:
    return {row.name: row for row in rows(between, between)}


def test_a_rate_is_what_was_added_in_a_second(one_worker: Between) -> None:
    assert one_worker.rate(f"{REQUESTS}_count", status="2xx") == 4.0
    assert one_worker.rate(f"{REQUESTS}_count") == 4.4


def test_workers_are_added_up() -> None:
    two = between({"api 9400": EARLIER, "api 9401": EARLIER}, {"api 9400": LATER, "api 9401": LATER})

    assert two.rate(f"{REQUESTS}_count", status="2xx") == 8.0
    assert two.value("inventory_http_requests_in_flight") == 6


def test_a_worker_that_was_restarted_counts_from_nothing() -> None:
    restarted = LATER.replace("140.0", "7.0")

    assert between({"api 9400": LATER}, {"api 9400": restarted}).rate(f"{REQUESTS}_count", status="2xx") == 0.7


def test_what_was_not_seen_before_is_no_news() -> None:
    came_back = between({"api 9400": SILENT}, {"api 9400": LATER})

    assert came_back.rate(f"{REQUESTS}_count") is None
    assert came_back.value("inventory_http_requests_in_flight") == 3


def test_a_process_that_does_not_answer_is_named_and_hides_nobody() -> None:
    half = between({"api 9400": EARLIER, "api 9401": EARLIER}, {"api 9400": LATER, "api 9401": SILENT})
    silent = Reading(0.0, {"api 9400": {}, "api 9401": SILENT}).silent

    assert half.rate(f"{REQUESTS}_count", status="2xx") == 4.0
    assert layout.silent_line(silent, of=2, columns=80) == "! metrics    1 of 2 ports answer; silent: api 9401"


def test_a_quantile_is_of_what_came_in_between(one_worker: Between) -> None:
    assert one_worker.quantile(REQUESTS, 0.5) == pytest.approx(0.01 * 20 / 30)
    assert one_worker.quantile(REQUESTS, 0.99) == pytest.approx(0.01 + 0.09 * 9.6 / 10)


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ([], None),
        ([(0.1, 0.0), (math.inf, 0.0)], None),
        ([(0.1, 0.0), (0.5, 10.0), (math.inf, 10.0)], 0.3),
        ([(0.1, 0.0), (0.5, 0.0), (math.inf, 10.0)], 0.5),
    ],
)
def test_a_quantile_lies_within_its_bucket_and_never_beyond_the_last_bound(
    buckets: list[tuple[float, float]], expected: float | None
) -> None:
    assert quantile(buckets, 0.5) == (None if expected is None else pytest.approx(expected))


def test_a_label_may_hold_what_separates_labels() -> None:
    series = parse('inventory_odd{route="a \\"b\\", c=\\"d\\"}"} 1.0\n')

    assert series["inventory_odd"] == {frozenset({("route", 'a "b", c="d"}')}): 1.0}


def test_what_is_no_exposition_is_refused() -> None:
    with pytest.raises(ValueError, match="html"):
        parse("inventory_ <html>\n")


def test_failures_are_marked_without_colour_and_what_nobody_shows_is_a_dash(one_worker: Between) -> None:
    shown = said(one_worker)

    assert layout.row_line(shown["requests"], [], columns=80) == "! requests   4.4/s   2xx 4.0  3xx 0.0  4xx 0.0  5xx 0.4"
    assert layout.row_line(shown["refused"], [], columns=80) == "  refused    not enough stock 0.1/s   replayed -/s"
    assert layout.row_line(shown["broken"], [], columns=80) == "  broken     dead letters -   violations -   errors -"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(one_worker: Between, columns: int) -> None:
    processes = [
        Process(name, "RUNNING", 4_194_304, 999_999, "") for name in ("postgres", "broker", "cache", "mail", "api", "worker", "relay")
    ]
    drawn = [layout.row_line(row, [1.0] * 60, columns=columns) for row in said(one_worker).values()]
    lines = [*drawn, *layout.process_lines(processes, columns=columns), layout.silent_line(["api 9400"] * 40, of=64, columns=columns)]

    assert max(len(line) for line in lines) <= columns


def test_it_all_fits_a_small_terminal(one_worker: Between) -> None:
    processes = [Process("api", "RUNNING", 1, 1, "")] * 7
    lines_around = 2 + 2  # a title, the ports, and an empty line after each

    assert len(said(one_worker)) + len(layout.process_lines(processes, columns=80)) + lines_around <= 24


def test_the_course_of_a_minute_ends_now_and_shows_the_smallest_spike() -> None:
    history = [None, *[0.0] * 20, 100.0, *[0.0] * 20, 0.1]

    assert layout.course(history, width=60) == f"{' ' * 38}█{' ' * 20}▁"
    assert layout.course(history, width=20, bars=layout.BARS_OF_ASCII) == f"{' ' * 12}@{' ' * 6}."


def test_a_terminal_without_blocks_gets_other_signs() -> None:
    assert (layout.bars_for("utf-8"), layout.bars_for("ascii"), layout.bars_for(None)) == (
        layout.BARS,
        layout.BARS_OF_ASCII,
        layout.BARS_OF_ASCII,
    )
