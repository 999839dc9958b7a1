"""Without these, a library that quotes what it was given writes a password into the log, and an error report takes it further."""

import base64
import json
import time

import pytest

from services.runtime.redaction import MASK, mask, masked
from tests.runtime.test_logs import spoken

TOKEN = base64.urlsafe_b64encode(bytes(range(200, 232))).decode().rstrip("=")  # as ours are made
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
HASH = "$2b$12$" + "a" * 53
SPEAK = """
import logging, sys
from services.runtime.logs import configure_logs, log
configure_logs("json")
try:
    raise ValueError("no: postgresql://me:hunter2@db/x, ann@example.com")
except ValueError as error:
    log.error("shop.closed", cause="Bearer hunter2", of=[{"password": "hunter2"}], exc_info=error)
    logging.getLogger("their.library").warning("lost %s", "redis://:hunter2@cache", exc_info=True)
logging.getLogger("their.library").info("hunter2")
logging.getLogger("their.library").log(35, "between %d levels", "two")
"""


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("cannot reach postgresql://me:p@ss@db:5432/x", "cannot reach postgresql://…@db:5432/x"),
        ("https://key@sentry.example/42 says no", "https://…@sentry.example/42 says no"),
        ("<ann.o+shop@example.co.uk> is taken", "<…> is taken"),
        ("Authorization: Bearer abc.def", "Authorization: …"),
        ("it was bearer abc, which", "it was bearer … which"),
        (f"{JWT} has expired", "… has expired"),
        (f"[{JWT[:30]}", "[…"),
        (f"unknown: {TOKEN}.", "unknown: …."),
        (f"https://shop.example/account#token={TOKEN}", "https://shop.example/account#token=…"),
        ("{'password': 'a b c', 'name': 'x'}", "{'password': …, 'name': 'x'}"),
        ("password=short&grant_type=password", "password=…&grant_type=password"),
        (f"({HASH}, x)", "(…, x)"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, without: str) -> None:
    assert mask(text) == without


@pytest.mark.parametrize(
    "text",
    [
        "reservation.confirmed",
        "0190f1a2-1111-7000-8000-000000000000",
        "/v1/reservations/{reservation_id}/confirm",
        'relation "a_reservation_of_a_cart_has_one_reference_at_a_time" does not exist',
        "550 5.7.1 relay access denied",
        "the limit 'network' allows 5 at once: later",
    ],
)
def test_what_we_say_ourselves_stays(text: str) -> None:
    assert mask(text) == text


def test_a_value_is_masked_for_its_name_however_deep_it_lies() -> None:
    said = masked({"kind": "x", "of": [{"new_password": "a", "count": 3}, ("ann@example.com", None)], "Cookie": {"a": 1}})

    assert said == {"kind": "x", "of": [{"new_password": MASK, "count": 3}, [MASK, None]], "Cookie": MASK}


def test_an_object_is_masked_as_it_would_be_written() -> None:
    assert masked(ValueError("ann@example.com")) == "ValueError('…')"


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "a@", "a.b-", "aA-", "://", "://a", "=:", "eyJ", "eyJa.", "$2b$12$"),
        *("bearer ", "token", "token:", 'secret="', "password='"),
    ],
)
def test_no_text_makes_it_slow(piece: str) -> None:
    text = piece * (65_536 // len(piece)) + "@"
    started = time.process_time()

    mask(text)

    assert time.process_time() - started < 1  # a fiftieth of it where nothing else runs; minutes if it were quadratic


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_line_its_traceback_and_what_libraries_say_are_masked(log_format: str) -> None:
    said = spoken(SPEAK.replace('"json"', f'"{log_format}"'))

    assert "hunter2@db" not in said.replace('postgresql://me:hunter2@db/x, ann@example.com")', "")  # but for the source in a traceback
    for cause in ("shop.closed", "library.message", "their.library", "redis://…@cache", "ValueError"):
        assert cause in said


def test_what_libraries_say_is_a_line_of_ours() -> None:
    lines = [json.loads(line) for line in spoken(SPEAK).splitlines()]

    assert [(line["event"], line["level"]) for line in lines] == [
        ("shop.closed", "error"),
        ("library.message", "warning"),
        ("library.message", "warning"),
    ]
    assert lines[2]["detail"] == "between %d levels"
    assert lines[1]["exception"][0]["exc_value"] == "no: postgresql://…@db/x, …"
    assert (lines[0]["cause"], lines[0]["of"]) == ("Bearer …", [{"password": MASK}])
    assert "hunter2" not in json.dumps(lines)
