"""Without these, the rungs behind nginx measure a configuration that nobody ships, or a limit instead of an API."""

import re
from pathlib import Path
from typing import Any

import yaml

from services.runtime.settings import PREFIX
from tests.load.lab import compose
from tests.load.lab.nginx import CONFIGURATION, configuration
from tests.load.lab.stacks import RAISED
from tests.support.sources import ROOT


def services(file: str) -> dict[str, Any]:
    """Without compose's two words for what replaces instead of being added."""
    text = re.sub("!(override|reset) ", "", (ROOT / file).read_text())
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def test_what_is_measured_is_what_is_shipped_but_for_addresses_and_places(tmp_path: Path) -> None:
    text = configuration(tmp_path, port=20_001, health_port=20_002, replicas=[20_003, 20_004, 20_005])

    assert re.findall(r"server ([\d.:]+) max_fails=0;", text) == ["127.0.0.1:20003", "127.0.0.1:20004", "127.0.0.1:20005"]
    assert re.findall(r"listen (\S+);", text) == ["127.0.0.1:20001", "127.0.0.1:20002"]
    assert not re.findall(r"api-\d|resolver|/tmp/|/dev/", text.replace(str(tmp_path), ""))
    shipped, ours = CONFIGURATION.read_text().splitlines(), text.splitlines()
    changed = [line for line in ours if line not in shipped]
    assert len(changed) == 13, changed


def test_in_containers_only_the_number_of_servers_differs() -> None:
    shipped, ours = CONFIGURATION.read_text().splitlines(), compose.configuration().splitlines()

    assert {line.split()[1] for line in ours if line.lstrip().startswith("server api-")} == {f"{api}:8000" for api in compose.APIS}
    assert len(ours) == len(shipped) + 2
    assert [line for line in ours if "api-3" not in line and "api-4" not in line] == shipped


def test_every_api_in_containers_has_the_limits_of_the_lab() -> None:
    shipped, ours = services("docker-compose.yml"), services("tests/load/lab/compose.yaml")

    assert ours.keys() - shipped.keys() == {"api-3", "api-4"}
    for api in compose.APIS:
        given = {name.removeprefix(PREFIX).lower(): value for name, value in ours[api]["environment"].items()}
        assert {name: float(value) for name, value in given.items() if name != "api_workers"} == {
            name: float(value) for name, value in RAISED.items()
        }
