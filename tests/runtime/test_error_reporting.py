"""Without these, what is broken is heard of from customers, or whoever hears of it first hears their passwords too."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from services.runtime.error_client import CAUSES_MAX
from services.runtime.error_reporting import REPORTS_PER_SECOND_MAX, Reporting
from services.runtime.errors import NotFound
from services.runtime.logs import request_id
from tests.support.error_tracker import Report, Tracker
from tests.support.settings import Where, settings
from tests.support.sources import ROOT

WHERE = Where(database_url="postgresql://me@127.0.0.1/none")
WITHIN_SECONDS = 5
STOP_SECONDS_MAX = 2.5  # two for the tracker, and a little for a busy machine
SECRET = "hunter2"
IMPORTS = "import sys, services.runtime.startup, services.runtime.error_reporting; print('sentry_sdk' in sys.modules)"


@pytest.fixture
def reporting(tracker: Tracker) -> Iterator[Reporting]:
    one = reporting_to(tracker.dsn)
    yield one
    one.stop()


def reporting_to(dsn: str) -> Reporting:
    one = Reporting()
    one.start(settings(WHERE, sentry_dsn=dsn, release="1.2.3"), "api")
    return one


def broken(password: str = SECRET) -> Exception:
    """What a bug raises, with a cause and local variables."""
    try:
        try:
            raise KeyError(f"ann@example.com, password={password}")  # noqa: TRY301
        except KeyError as cause:
            raise RuntimeError("postgresql://me:hunter2@db is broken") from cause
    except RuntimeError as error:
        error.add_note(f"while it held Bearer {password}")
        return error


async def test_a_report_says_where_it_broke_and_whose_request_it_was(reporting: Reporting, tracker: Tracker) -> None:
    token = request_id.set("a-request")
    reporting.report(broken(), route="/v1/products/{sku}")
    request_id.reset(token)

    [said] = await tracker.hears(1, within_seconds=WITHIN_SECONDS)

    assert said["tags"] == {"process": "api", "route": "/v1/products/{sku}", "request_id": "a-request"}
    assert (said["release"], said["level"]) == ("1.2.3", "error")
    assert [(each["type"], each["value"]) for each in said["exception"]["values"]] == [
        ("KeyError", "'…, password=…'"),
        ("RuntimeError", "postgresql://…@db is broken\nwhile it held Bearer …"),
    ]
    assert (reporting.reported, reporting.dropped) == (1, 0)


async def test_a_report_holds_what_is_on_the_list_and_nothing_else(reporting: Reporting, tracker: Tracker) -> None:
    reporting.report(broken(), route="relay")

    [said] = await tracker.hears(1, within_seconds=WITHIN_SECONDS)

    assert {*paths(said)} == {
        *("event_id", "timestamp", "level", "platform", "release", "environment", "tags.process", "tags.route"),
        *(f"exception.values.{name}" for name in ("type", "module", "value")),
        *(f"exception.values.stacktrace.frames.{name}" for name in ("filename", "module", "function", "lineno", "in_app")),
    }
    assert not any(secret in tracker.everything for secret in (SECRET, "ann@", "canary"))


async def test_what_an_exception_has_beside_its_words_stays_with_it(reporting: Reporting, tracker: Tracker) -> None:
    error = broken()
    error.detail = error.message = SECRET  # type: ignore[attr-defined]  # as those of PostgreSQL have the row

    reporting.report(error, route="relay")

    assert await tracker.hears(1, within_seconds=WITHIN_SECONDS)
    assert SECRET not in tracker.everything


async def test_a_circle_of_causes_and_several_errors_at_once_are_told_of_briefly(reporting: Reporting, tracker: Tracker) -> None:
    first, second = broken(), broken()
    first.__cause__, second.__cause__ = second, first

    reporting.report(ExceptionGroup("both", [first, second]), route="relay")

    [said] = await tracker.hears(1, within_seconds=WITHIN_SECONDS)
    told = [each["type"] for each in said["exception"]["values"]]
    assert (len(told), told[-1], {*told[:-1]}) == (CAUSES_MAX, "ExceptionGroup", {"RuntimeError"})


async def test_a_refusal_is_an_answer_and_an_error_is_reported_once(reporting: Reporting, tracker: Tracker) -> None:
    error = broken()

    reporting.report(NotFound("there is no such thing"), route="relay")
    reporting.report(error, route="first")
    reporting.report(error, route="second")
    reporting.stop()

    assert [said["tags"]["route"] for said in tracker.reports] == ["first"]
    assert (reporting.reported, reporting.dropped) == (1, 0)


async def test_of_a_storm_a_few_are_reported_and_the_rest_is_counted(reporting: Reporting, tracker: Tracker) -> None:
    began = time.monotonic()
    for _ in range(1_000):
        reporting.report(broken(), route="relay")
    seconds = int(time.monotonic() - began) + 2  # that were begun, at most
    reporting.stop()

    assert REPORTS_PER_SECOND_MAX <= reporting.reported <= seconds * REPORTS_PER_SECOND_MAX < 500
    assert reporting.reported + reporting.dropped == 1_000
    assert len(tracker.reports) == reporting.reported


def test_a_tracker_that_is_dead_costs_neither_time_nor_the_end(dead_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runtime.error_reporting.REPORTS_PER_SECOND_MAX", 1_000)
    reporting = reporting_to(dead_dsn)
    reporting.report(broken(), route="relay")  # the first one warms up

    began = time.monotonic()
    for _ in range(300):
        reporting.report(broken(), route="relay")
    reporting_seconds = time.monotonic() - began
    began = time.monotonic()
    reporting.stop()
    stopping_seconds = time.monotonic() - began

    assert reporting_seconds < 300 * 0.01  # each waiting for the network would make it minutes
    assert stopping_seconds < STOP_SECONDS_MAX
    assert (reporting.reported, reporting.dropped > 100) == (301, True)  # more than the queue holds


def test_without_a_tracker_nothing_of_it_is_even_imported() -> None:
    reporting = Reporting()
    reporting.start(settings(WHERE), "api")
    reporting.report(broken(), route="relay")
    reporting.stop()

    assert (reporting.reported, reporting.dropped) == (0, 0)
    said = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert said == "False\n"


def paths(said: Report | object, at: str = "") -> Iterator[str]:
    """Of everything in the report that is not null."""
    if isinstance(said, dict):
        for name, value in said.items():
            yield from paths(value, f"{at}.{name}" if at else name)
    elif isinstance(said, list):
        for value in said:
            yield from paths(value, at)
    elif said is not None:
        yield at
