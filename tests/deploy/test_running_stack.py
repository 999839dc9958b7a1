"""Without these, the first command that a stranger types may leave them with a stack that does not do what it says."""

import os
import select
import stat
import subprocess
import termios
import time
import uuid
from collections.abc import Callable

import httpx
import jwt
import pytest
from redis import Redis

from deploy.local import environment
from deploy.local.live.screen import ENTER, LEAVE
from tests.deploy.clone import COMMAND_SECONDS_MAX, POLL_SECONDS, Clone

MAIL_SECONDS_MAX = 30
SAMPLED_SECONDS_MAX = 30  # the relay looks every ten


def token(stack: Clone, role: str) -> str:
    answer = stack.run("token", role)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def confirm_a_mug(stack: Clone) -> str:
    """The id of a reservation of the demo customer, confirmed."""
    headers = {"Authorization": f"Bearer {token(stack, 'customer')}"}
    with httpx.Client(base_url=stack.api_url, headers=headers, trust_env=False) as http:
        lines = [{"sku": "MUG", "quantity": 1, "warehouse": "AMS"}]
        placed = http.post("/v1/reservations", json={"lines": lines}, headers={"Idempotency-Key": uuid.uuid4().hex})
        assert placed.status_code == httpx.codes.CREATED, placed.text
        reservation_id: str = placed.json()["id"]
        confirmed = http.post(f"/v1/reservations/{reservation_id}/confirm", headers={"Idempotency-Key": uuid.uuid4().hex})
        assert confirmed.status_code == httpx.codes.OK, confirmed.text
    return reservation_id


def mails_about(stack: Clone, reservation_id: str) -> list[dict[str, str]]:
    deadline = time.monotonic() + MAIL_SECONDS_MAX
    while True:
        answer = httpx.get(f"{stack.mailbox_url}/mails.json", params={"containing": reservation_id}, trust_env=False)
        mails: list[dict[str, str]] = answer.json()["mails"]
        if mails:
            return mails
        assert time.monotonic() < deadline, f"no mail about {reservation_id}"
        time.sleep(POLL_SECONDS)


def test_start_returns_when_the_api_is_ready(stack: Clone) -> None:
    assert stack.is_ready()


def test_every_process_runs(stack: Clone) -> None:
    pids = stack.pids()

    assert list(pids) == ["postgres", "broker", "cache", "mail", "api", "worker", "relay"]
    assert all(pids.values())


@pytest.mark.parametrize(("role", "policy", "writes"), [("broker", "noeviction", "yes"), ("cache", "allkeys-lfu", "no")])
def test_the_broker_keeps_everything_and_the_cache_may_lose_it(stack: Clone, role: str, policy: str, writes: str) -> None:
    url = environment.load(stack.places).variables[environment.URLS[role]]

    with Redis.from_url(url) as server:
        assert server.config_get("maxmemory-policy", "appendonly") == {"maxmemory-policy": policy, "appendonly": writes}


@pytest.mark.parametrize("name", ["credentials.json", "secrets.json", "environment"])
def test_what_is_secret_only_its_owner_can_read(stack: Clone, name: str) -> None:
    assert stat.S_IMODE((stack.places.run / name).stat().st_mode) == 0o600


def test_each_account_has_a_password_of_this_installation(stack: Clone) -> None:
    credentials = stack.json_of("credentials.json")

    regulars = {"ann", "ben", "cleo", "dan"}
    assert {login["email"] for login in credentials.values()} == {
        f"{name}@holdfast.example" for name in {"admin", "staff", "customer"} | regulars
    }
    assert len({login["password"] for login in credentials.values()}) == 4
    assert len({credentials[name]["password"] for name in regulars}) == 1


@pytest.mark.parametrize("role", ["admin", "staff", "customer"])
def test_a_token_can_be_had_for_each_account_and_is_all_that_is_printed(stack: Clone, role: str) -> None:
    claims = jwt.decode(token(stack, role), options={"verify_signature": False})

    assert claims["role"] == role


def test_a_token_for_nobody_is_refused_with_the_names_that_there_are(stack: Clone) -> None:
    answer = stack.run("token", "boss")

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "Not done: there is no demo account boss; AS is one of admin, staff, customer\n"


def test_the_mail_about_a_confirmed_reservation_is_in_the_mailbox_and_in_the_terminal(stack: Clone) -> None:
    [mail] = mails_about(stack, confirm_a_mug(stack))

    assert mail["to"] == "Demo customer <customer@holdfast.example>"
    assert mail["subject"] in stack.run("mail").stdout
    assert mail["message_id"] in stack.run("mail", "--number", "1").stdout


def test_the_demo_walks_to_its_end(stack: Clone) -> None:
    walk = stack.run("demo")

    assert walk.returncode == 0, walk.stdout + walk.stderr
    assert "8. Retry with the same Idempotency-Key" in walk.stdout
    assert "That was the walk." in walk.stdout


def test_the_shop_is_played_until_its_time_is_over_and_says_what_came_of_it(stack: Clone) -> None:
    played = stack.run("traffic", "--seconds", "4", "--rate", "60")

    assert played.returncode == 0, played.stdout + played.stderr
    for said in ("requests in 4 s", " held", " 200", "0 requests got none"):
        assert said in played.stdout


def test_the_status_is_a_picture_of_what_every_process_counts(stack: Clone) -> None:
    deadline = time.monotonic() + SAMPLED_SECONDS_MAX
    while "outbox     events -" in (shown := stack.run("status").stdout) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)

    assert "metrics    all 5 ports answer" in shown, shown
    measured = ("requests", "orders", "outbox", "mail ", "circuits", "database")
    _, _, picture = shown.rpartition("\n\n")
    lines = [line for line in picture.splitlines() if line[2:].startswith(measured)]
    assert len(lines) == len(measured), shown
    assert [line for line in lines if " -" in line.replace("p99 -", "")] == [], shown


@pytest.mark.parametrize("leave", [lambda _, keys: os.write(keys, b"q"), lambda watching, _: watching.terminate()], ids=["q", "SIGTERM"])
def test_the_terminal_is_given_back_as_it_was(stack: Clone, leave: Callable[["subprocess.Popen[bytes]", int], None]) -> None:
    keys, terminal = os.openpty()
    before = termios.tcgetattr(terminal)
    watching = subprocess.Popen(stack.command("status"), cwd=stack.root, env=stack.environment, stdin=terminal, stdout=terminal)
    drawn = read_terminal(keys, until="q leaves")

    leave(watching, keys)
    drawn += read_terminal(keys, until=LEAVE)

    assert watching.wait(COMMAND_SECONDS_MAX) == 0
    assert drawn.startswith(ENTER)
    assert termios.tcgetattr(terminal) == before


def read_terminal(keys: int, *, until: str) -> str:
    shown = ""
    while until not in shown:
        ready, _, _ = select.select([keys], [], [], COMMAND_SECONDS_MAX)
        assert ready, shown
        shown += os.read(keys, 65_536).decode(errors="replace")
    return shown


def test_a_second_start_says_that_it_runs_already(stack: Clone) -> None:
    again = stack.run("start")

    assert again.returncode == 0
    assert again.stdout == f"The stack runs already at {stack.api_url}; make stop stops it.\n"


def test_a_second_up_is_refused(stack: Clone) -> None:
    again = stack.run("up")

    assert again.returncode == 1
    assert again.stderr == "Not done: the stack runs already in this clone; make status shows it, make stop stops it\n"
