"""Without these, the link in a mail of the local stack leads to nobody, or what may be evicted shares a server with what may not."""

import json
import socket
from pathlib import Path

import pytest

from deploy.local import environment, programs, prometheus
from deploy.local.environment import Stack
from deploy.local.exporters import BASE
from deploy.local.places import Places
from deploy.local.trouble import Trouble
from services.runtime.metrics import FIRST_PORT


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


def ports_of(stack: Stack) -> list[int]:
    return [port for ports in stack.metrics_targets.values() for port in ports]


def test_every_process_has_a_port_for_metrics_where_it_will_look_for_one(tmp_path: Path) -> None:
    stack = environment.resolve(Places(tmp_path), {"HOLDFAST_API_WORKERS": "3"})

    base = int(stack.variables[BASE])
    assert {job: ports[0] - base for job, ports in stack.metrics_targets.items()} == FIRST_PORT
    assert {job: len(ports) for job, ports in stack.metrics_targets.items()} == {"api": 3, "worker": 2, "relay": 1}
    assert not {*ports_of(stack)} & {stack.postgres_port, stack.redis_port("broker"), stack.redis_port("cache")}


def test_the_ports_for_metrics_are_the_same_the_next_time_unless_one_of_them_is_taken(tmp_path: Path) -> None:
    places = Places(tmp_path)
    before = environment.resolve(places, {})

    assert environment.resolve(places, {}).metrics_targets == before.metrics_targets
    with socket.create_server(("127.0.0.1", before.metrics_targets["relay"][0])):
        assert not {*ports_of(environment.resolve(places, {}))} & {*ports_of(before)}


def test_who_names_a_port_for_metrics_gets_it(tmp_path: Path) -> None:
    assert environment.resolve(Places(tmp_path), {BASE: "9400"}).metrics_targets["worker"] == [9500, 9501]


def test_a_port_that_follows_from_it_and_is_taken_is_named(tmp_path: Path) -> None:
    base = 9_400
    stack = environment.resolve(Places(tmp_path), {BASE: str(base), "HOLDFAST_PORT": str(base + 101)})

    with pytest.raises(Trouble, match=f"{BASE}={base} means port {base + 101} too, which is taken"):
        environment.refuse_taken_ports(stack)


@pytest.mark.parametrize("text", ["-1", "65400", "many"])
def test_what_no_port_can_follow_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Trouble, match=rf"{BASE}={text} is no port that others can follow"):
        environment.resolve(Places(tmp_path), {BASE: text})


def test_prometheus_finds_every_process_and_the_rules_of_this_clone(tmp_path: Path) -> None:
    places = Places(tmp_path / "a: clone" / ".run")
    places.run.mkdir(parents=True)
    stack = environment.resolve(places, {BASE: "9400"})

    known = json.loads(prometheus.configuration(stack))

    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in known["scrape_configs"]}
    assert jobs == {
        "api": ["127.0.0.1:9400", "127.0.0.1:9401"],
        "worker": ["127.0.0.1:9500", "127.0.0.1:9501"],
        "relay": ["127.0.0.1:9600"],
    }
    assert known["rule_files"] == [f"{tmp_path}/a: clone/deploy/monitoring/rules/*.yml"]


def test_without_metrics_there_is_nothing_to_scrape(tmp_path: Path) -> None:
    stack = environment.resolve(Places(tmp_path), {BASE: "0"})

    assert ports_of(stack) == []
    assert not json.loads(prometheus.configuration(stack))["scrape_configs"]
