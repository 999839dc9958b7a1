"""Without these, whoever reads the logs can sign in as a customer, or knows what they bought."""

import asyncio
import json
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.api import line
from tests.support.database import Database
from tests.support.error_tracker import Tracker
from tests.support.leash import Leash
from tests.support.people import People
from tests.support.processes import Processes
from tests.support.program import Program
from tests.support.settings import Where, environment
from tests.support.sources import ROOT

CANARY = "canary-4d1f"
SPEAK = """
from services.runtime.logs import configure_logs, log, request_id
configure_logs("json")
request_id.set("a-request")
password = "canary-4d1f"
try:
    1 / 0
except ZeroDivisionError as error:
    log.error("shop.closed", reason="ü", exc_info=error)
log.debug("shop.dusted")
"""

OFTEN = """
from services.runtime.logs import Same, configure_logs, log_often
configure_logs("json", in_background={})
log_often(lambda guest: (Same("shop.entered", {{"door": "front"}}), b'"guest":%d' % guest), 7)
"""
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
START_SECONDS = 30


def spoken(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_an_event_is_one_line_of_json() -> None:
    [said] = [json.loads(line) for line in spoken(SPEAK).splitlines()]

    assert (said["event"], said["level"], said["reason"], said["request_id"]) == ("shop.closed", "error", "ü", "a-request")
    assert said["timestamp"].endswith("Z")
    assert said["exception"][0]["exc_type"] == "ZeroDivisionError"
    assert CANARY not in json.dumps(said)


def test_for_people_it_is_text() -> None:
    said = spoken(SPEAK.replace('"json"', '"text"'))

    assert "shop.closed" in said
    assert "ZeroDivisionError" in said
    assert said.count(CANARY) == said.count(f'password = "{CANARY}"') == 0


def test_what_happens_often_is_said_alike_now_or_later() -> None:
    now, later = [json.loads(spoken(OFTEN.format(is_later))) for is_later in (False, True)]

    assert all(INSTANT.fullmatch(said.pop("timestamp")) for said in (now, later))
    assert now == later == {"event": "shop.entered", "level": "info", "door": "front", "guest": 7}


async def test_what_the_server_says_is_a_line_too(tmp_path: Path, leash: Leash) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        variables = environment(Where(database_url="postgresql://me@127.0.0.1:1/none"), port=port, api_workers="1")
        api = Program("services.api", environment=variables, log=tmp_path / "api.log", leash=leash)
        assert await api.ended(within_seconds=START_SECONDS) != 0

    lines = [json.loads(line) for line in (tmp_path / "api.log").read_text().splitlines()]
    assert ("library.message", "uvicorn.error", "error") in [(line["event"], line.get("logger"), line["level"]) for line in lines]
    assert "address already in use" in str(lines)


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_server_that_is_stopped_writes_the_lines_of_its_last_requests(processes: Processes, tmp_path: Path, workers: int) -> None:
    api = await processes.api(workers=workers, rate_limit_factor="1000")
    answered: list[int] = []
    is_begun = asyncio.Event()
    asking = asyncio.create_task(ask_until_refused(api.url, answered, is_begun))
    await is_begun.wait()

    await api.program.stop()

    await asking
    assert set(answered) == {200}
    assert (tmp_path / "0-services.api.log").read_text().count('"/v1/products"') >= len(answered)


async def ask_until_refused(url: str, answered: list[int], is_begun: asyncio.Event) -> None:
    async with httpx.AsyncClient(base_url=url) as http:
        with suppress(httpx.TransportError):
            while True:
                answered.append((await http.get("/v1/products")).status_code)
                is_begun.set()


async def talk(url: str, email: str, password: str) -> set[str]:
    """Everything that a customer may say, right and wrong, with a canary in it; the tokens that were given out meanwhile."""
    tokens = set()
    async with httpx.AsyncClient(base_url=url) as http:
        for username, word in ((email, password), (email, f"{CANARY}-password"), (f"{CANARY}@example.com", "x"), (f"{CANARY}\0@x", "x")):
            answer = await http.post("/v1/auth/token", data={"username": username, "password": word})
            if answer.is_success:
                given = answer.json()
                http.headers["Authorization"] = f"Bearer {given['access_token']}"
                tokens |= {given["access_token"], given["refresh_token"]}
        for token in (*tokens, CANARY):
            answer = await http.post("/v1/auth/refresh", json={"refresh_token": token[:200]}, headers={"User-Agent": CANARY})
            tokens |= {answer.json()["refresh_token"]} if answer.is_success else set()
        await http.post("/v1/auth/register", json={"email": f"{CANARY}@example.com", "password": f"{CANARY} word", "full_name": CANARY})
        await http.post("/v1/auth/forgot-password", json={"email": email})
        for path in ("verify-email", "reset-password", "logout"):
            await http.post(f"/v1/auth/{path}", json={"token": CANARY, "refresh_token": CANARY, "new_password": f"{CANARY} word"})
        await http.post("/v1/auth/logout", json={"refresh_token": CANARY})
        await http.post("/v1/products", json={"sku": CANARY, "name": CANARY})
        await http.post("/v1/auth/change-password", json={"current_password": CANARY, "new_password": f"{CANARY} word"})
        await http.get("/v1/products", headers={"Authorization": f"Bearer {CANARY}"})
        await http.get(f"/v1/products/{CANARY}", params={CANARY: CANARY})
        await http.get(f"/{CANARY}")
        body = {"lines": [line("TEE")], "external_ref": CANARY, "metadata": {CANARY: CANARY}}
        answer = await http.post("/v1/reservations", json=body, headers={"Idempotency-Key": CANARY, "User-Agent": CANARY})
        assert answer.status_code == 500, answer.text
    return tokens


@pytest.mark.parametrize("log_format", ["json", "text"])
async def test_no_line_and_no_report_holds_a_password_a_token_an_address_or_a_body(
    *, processes: Processes, people: People, database: Database, tracker: Tracker, tmp_path: Path, log_format: str
) -> None:
    person = await people.join()
    await database.do("INSERT INTO products (product_id, sku, name) VALUES (gen_random_uuid(), 'TEE', 'Tee')")
    await database.do("INSERT INTO warehouses (warehouse_id, code, name, priority) VALUES (gen_random_uuid(), 'AMS', 'A', 1)")
    await database.do("INSERT INTO stock_items SELECT gen_random_uuid(), product_id, warehouse_id FROM products, warehouses")
    await database.do("INSERT INTO stock_levels (item_id, backorder_limit) SELECT item_id, 5 FROM stock_items")
    await database.do("ALTER TABLE reservations ADD CONSTRAINT nobody_knows_me CHECK (false)")
    api = await processes.api(workers=1, log_format=log_format, smtp_url=f"smtp://me:{CANARY}@127.0.0.1:1", sentry_dsn=tracker.dsn)

    tokens = await talk(api.url, person.email, person.password)
    await api.program.stop()

    log = (tmp_path / "0-services.api.log").read_text()
    assert "nobody_knows_me" in log  # the cause is there
    assert "nobody_knows_me" in tracker.everything
    assert "/v1/auth/token" in log
    assert len(tokens) == 3
    trail = str(await database.rows("SELECT t::text FROM audit_events t"))
    assert trail.count("session.sign_in") == 3  # a success, and the failures that got as far as a password
    for secret in (CANARY, person.email, person.password, "eyJ", "hunter2", "canary-in-the-dsn", *tokens):
        assert secret not in log, log
        assert secret not in tracker.everything, tracker.everything
        assert secret not in trail, trail
