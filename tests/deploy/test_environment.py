"""Without these, the link in a mail of the local stack leads to nobody, or what may be evicted shares a server with what may not."""

from pathlib import Path

import pytest

from deploy.local import environment, programs
from deploy.local.places import Places


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOLDFAST_PORT": "8123"}, "http://127.0.0.1:8123"),
        ({"HOLDFAST_HOST": "0.0.0.0"}, "http://127.0.0.1:8000"),  # noqa: S104  # nothing listens
        ({"HOLDFAST_HOST": "::1"}, "http://[::1]:8000"),
        ({"HOLDFAST_PUBLIC_URL": "https://shop.example", "HOLDFAST_PORT": "8123"}, "https://shop.example"),
    ],
)
def test_links_in_mails_lead_to_where_the_api_listens(tmp_path: Path, variables: dict[str, str], where: str) -> None:
    assert environment.resolve(Places(tmp_path), variables).variables["HOLDFAST_PUBLIC_URL"] == where


def test_broker_and_cache_are_servers_of_their_own(tmp_path: Path) -> None:
    stack = environment.resolve(Places(tmp_path), {})

    assert len({stack.postgres_port, stack.redis_port("broker"), stack.redis_port("cache")}) == 3


@pytest.mark.parametrize(("role", "variable"), [("broker", "HOLDFAST_BROKER_URL"), ("cache", "HOLDFAST_CACHE_URL")])
def test_a_server_of_the_callers_replaces_the_own_one(tmp_path: Path, role: str, variable: str) -> None:
    stack = environment.resolve(Places(tmp_path), {variable: "rediss://redis.example/0"})

    running = {program.name for program in programs.of(stack, is_dev=False)}
    assert stack.variables[variable] == "rediss://redis.example/0"
    assert {"broker", "cache"} - running == {role}


def test_the_ports_of_a_clone_that_had_one_server_for_both_do_not_stop_it(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.ports.write_text('{"postgres": 20000, "valkey": 20001}')

    assert environment.resolve(places, {}).redis_port("broker") != 20_001
