"""Without these, a server sets what nobody reads, shows a port that it should not, or stops what was still finishing."""

import re

import yaml

from services.api.main import STOP_SECONDS
from services.runtime.settings import PREFIX, Settings
from services.worker.app import HARD_LIMIT_SECONDS
from tests.support.sources import ROOT

_FOLDER = ROOT / "deploy" / "vps"
_COMPOSE = yaml.safe_load((_FOLDER / "compose.yaml").read_text())
_SERVICES = _COMPOSE["services"]
_APIS = {f"api-{colour}-{number}" for colour in ("blue", "green") for number in (1, 2)}


def _constant(script: str, name: str) -> int:
    (value,) = re.findall(rf"^{name}=(\d+)", (_FOLDER / script).read_text(), re.MULTILINE)
    return int(value)


def test_every_variable_is_a_setting() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    texts = [path.read_text() for path in sorted(_FOLDER.rglob("*")) if path.is_file()]
    written = {name for text in texts for name in re.findall(rf"{PREFIX}[A-Z_]+", text)} - {"HOLDFAST_TEST_PASSWORD"}

    assert written >= {"HOLDFAST_PASSWORD_PEPPER", "HOLDFAST_TRUSTED_PROXIES"}
    assert written - known == set()


def test_only_the_proxy_is_published() -> None:
    assert {name for name, service in _SERVICES.items() if "ports" in service} == {"proxy"}


def test_the_proxy_finds_each_replica_where_it_lies_and_is_believed() -> None:
    lie = {name: _SERVICES[name]["networks"]["default"]["ipv4_address"] for name in sorted(_APIS)}
    asked = re.findall(r"server ([\d.]+):8000", (_FOLDER / "nginx.conf").read_text())

    assert asked == list(lie.values())
    (subnet,) = _COMPOSE["networks"]["default"]["ipam"]["config"]
    assert _SERVICES["worker"]["environment"]["HOLDFAST_TRUSTED_PROXIES"] == subnet["subnet"]


def test_what_stops_has_the_time_that_it_takes() -> None:
    grace = {name: int(service["stop_grace_period"].rstrip("s")) for name, service in _SERVICES.items() if "stop_grace_period" in service}

    assert {name for name in _APIS if grace[name] > STOP_SECONDS} == _APIS
    assert _constant("deploy.sh", "STOP_SECONDS") > STOP_SECONDS
    assert grace["worker"] > HARD_LIMIT_SECONDS


def test_the_old_colour_outlasts_the_connections_that_the_proxy_keeps() -> None:
    (kept,) = re.findall(r"keepalive_min_timeout (\d+)s", (_FOLDER / "nginx.conf").read_text())

    assert _constant("deploy.sh", "DRAIN_SECONDS") > int(kept)


def test_what_is_ours_runs_contained() -> None:
    ours = {name: service for name, service in _SERVICES.items() if name != "postgres"}  # its image makes its folders as root

    assert {name for name, one in ours.items() if one["read_only"] and one["cap_drop"] == ["ALL"]} == ours.keys()
    assert {name for name, one in _SERVICES.items() if "limits" not in one.get("deploy", {}).get("resources", {})} == {"operator"}
