"""Without these, two processes answer for one, a stuck scraper stops the others, or a histogram counts into the wrong bucket."""

import socket
import threading
from collections.abc import Iterable

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric

from services.runtime.metrics import Histogram, counter, export, gauge, histogram, registry_of
from services.runtime.settings import Settings
from tests.support.scrape import Figures, answer, free_metrics_port, scrape
from tests.support.settings import Where, settings

_NOWHERE = Where(database_url="postgresql://127.0.0.1/nothing")


def _settings(port: int) -> Settings:
    return settings(_NOWHERE, metrics_port=str(port))


def test_a_histogram_counts_what_is_at_most_each_bound() -> None:
    seconds = Histogram((0.1, 1))
    for value in (0.05, 0.1, 0.11, 1, 7):
        seconds.observe(value)

    said = Figures([generate_latest(registry_of(lambda: [histogram("inventory_test_seconds", "Of a test.", seconds)])).decode()])

    assert said.by("inventory_test_seconds_bucket", "le") == {"0.1": 2, "1.0": 4, "+Inf": 5}
    assert said.of("inventory_test_seconds_count") == 5
    assert said.of("inventory_test_seconds_sum") == pytest.approx(8.26)


def test_what_was_sampled_once_is_said_at_every_scrape_until_it_is_sampled_again() -> None:
    kept = [gauge("inventory_test", "Of a test.", 7)]
    registry = registry_of(lambda: kept)

    for _ in range(2):
        assert Figures([generate_latest(registry).decode()]).of("inventory_test") == 7


async def test_each_process_takes_the_first_port_that_is_free_among_those_of_its_kind() -> None:
    port = free_metrics_port()
    for told in (1, 2):
        export(_settings(port), "api", lambda told=told: [counter("inventory_test", "Of a test.", told)])  # type: ignore[misc]
    export(_settings(port), "relay", lambda: [counter("inventory_test", "Of a test.", 3)])

    assert [(await _first(port + place)).of("inventory_test_total") for place in (0, 1, 200)] == [1, 2, 3]
    assert not await answer(port, worker=1)


async def test_a_process_says_of_which_kind_and_release_it_is() -> None:
    port = free_metrics_port()
    export(settings(_NOWHERE, metrics_port=str(port), release="v7"), "api")

    told = await scrape(port, api=1)

    assert told.of("inventory_build_info", process="api", release="v7") == 1
    assert told.of("inventory_log_lines_dropped_total") >= 0
    assert told.of("process_cpu_seconds_total") > 0


async def test_nobody_is_answered_where_the_setting_is_0() -> None:
    before = threading.active_count()
    export(_settings(0), "api")

    assert threading.active_count() == before


async def test_a_scraper_that_never_sends_its_question_keeps_no_other_waiting() -> None:
    port = free_metrics_port()
    export(_settings(port), "api")

    with socket.create_connection(("127.0.0.1", port)):
        assert await answer(port, api=1)


async def test_a_source_that_fails_is_seen_and_the_next_scrape_is_answered() -> None:
    port, moods = free_metrics_port(), ["bad"]

    def moody() -> Iterable[Metric]:
        if moods:
            raise RuntimeError(moods.pop())
        return [counter("inventory_test", "Of a test.", 1)]

    export(_settings(port), "api", moody)

    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/metrics")).status_code == httpx.codes.INTERNAL_SERVER_ERROR
    assert await answer(port, api=1)


async def _first(port: int) -> Figures:
    return await scrape(port, api=1)
