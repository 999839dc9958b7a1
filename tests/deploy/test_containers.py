"""Without these, a container fills the machine, writes where it should not, has a secret of the repository, or is seen from the street."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.runtime.settings import PREFIX, Settings
from tests.support.sources import ROOT

Service = Mapping[str, Any]

MEBIBYTES_MAX = 3_072
OURS = ("holdfast:local", "holdfast-demo:local")
# What ends by itself, or is idle or gone without anybody missing it.
WITHOUT_HEALTH_CHECK = {"secrets", "migrate", "seed", "traffic"}
HEALTH_CHECK_IN_THE_IMAGE = {"api-1", "api-2", "mailpit"}
ONCE = {"secrets", "migrate", "seed"}  # over before the others run
ROOT_BECAUSE_NEW_VOLUMES_ARE_ROOTS = {"secrets"}
# Whose images name a user of their own.
USER_IN_THE_IMAGE = {"prometheus", "alertmanager", "grafana"}
CREDENTIAL = re.compile(r"password|secret|token|pepper|_key|dsn", re.IGNORECASE)
A_SECRET_IN_A_URL = re.compile(r"://[^/@\s]*:[^/@\s]+@")


def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def services() -> dict[str, Service]:
    known: dict[str, Service] = compose()["services"]
    return known


def is_ours(service: Service) -> bool:
    return service["image"] in OURS


def loose(name: str, service: Service) -> Iterator[str]:
    """What this container may do that none of ours needs."""
    if service.get("cap_drop") != ["ALL"] or "cap_add" in service or service.get("privileged"):
        yield f"{name} keeps capabilities"
    if service.get("security_opt") != ["no-new-privileges:true"]:
        yield f"{name} may gain privileges"
    if service.get("read_only") is not True:
        yield f"{name} can write to its own files"
    if any(limit not in service for limit in ("mem_limit", "cpus", "pids_limit")):
        yield f"{name} has no limit on memory, processors or processes"
    if float(service.get("cpus", 0)) > 1:
        yield f"{name} asks for more processors than a small server has, which refuses it"
    if "/var/run/docker.sock" in str(service.get("volumes")):
        yield f"{name} can command the engine"
    user = str(service.get("user", ""))
    if not is_ours(service) and not user and name not in USER_IN_THE_IMAGE:
        yield f"{name} runs as whatever its image says"
    if user.startswith(("0", "root")) and name not in ROOT_BECAUSE_NEW_VOLUMES_ARE_ROOTS:
        yield f"{name} runs as root"


def exposed(name: str, service: Service) -> Iterator[str]:
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            yield f"{name} publishes {port}"


def told_secrets(text: str) -> list[str]:
    """Lines that give a value to something secret, not the name of the file that has it."""
    assigned = re.findall(r"^\s*-?\s*(\w+)[:=]\s*(\S.*)$", text, re.MULTILINE)
    named = [
        name for name, value in assigned if CREDENTIAL.search(name) and not value.startswith(("/run/secrets", "{", "*", "&", '"true"'))
    ]
    return named + A_SECRET_IN_A_URL.findall(text)


def mebibytes(service: Service) -> int:
    return int(service["mem_limit"].removesuffix("m"))


def test_each_container_may_do_no_more_than_it_needs() -> None:
    assert [complaint for name, service in services().items() for complaint in loose(name, service)] == []


def test_only_this_machine_reaches_what_is_published() -> None:
    assert [complaint for name, service in services().items() for complaint in exposed(name, service)] == []
    assert {name for name, service in services().items() if "ports" in service} == {
        "proxy",
        "mailpit",
        "prometheus",
        "alertmanager",
        "grafana",
    }


def test_the_rules_about_containers_can_be_broken() -> None:
    open_to_all = {"image": "nginx:1.30", "cpus": 2, "user": "root", "ports": ["8080:8080"], "volumes": ["/var/run/docker.sock:/s"]}

    assert len(list(loose("open", open_to_all))) == 7
    assert list(exposed("open", open_to_all)) == ["open publishes 8080:8080"]


def test_all_that_run_at_once_fit_in_three_gibibytes() -> None:
    assert sum(mebibytes(service) for name, service in services().items() if name not in ONCE) <= MEBIBYTES_MAX


def test_each_container_says_whether_it_is_well() -> None:
    unknown = {name for name, service in services().items() if "test" not in service.get("healthcheck", {})}

    assert unknown == WITHOUT_HEALTH_CHECK | HEALTH_CHECK_IN_THE_IMAGE


def test_nothing_starts_before_what_it_needs_is_well() -> None:
    conditions = {
        condition["condition"]
        for service in services().values()
        for name, condition in service.get("depends_on", {}).items()
        if name not in ONCE
    }

    assert conditions == {"service_healthy"}


def test_every_variable_of_ours_is_a_setting() -> None:
    ours = {name for service in services().values() if is_ours(service) for name in service.get("environment", {})}
    known = {PREFIX + name.upper() for name in Settings.model_fields}

    assert {name for name in ours if name.startswith(PREFIX)} - known == set()


def test_each_image_is_named_with_its_version() -> None:
    foreign = [service["image"] for service in services().values() if not is_ours(service)]
    foreign += re.findall(r"^(?:FROM|COPY --from=)\s*(\S+[:/]\S+)", (ROOT / "deploy/docker/Dockerfile").read_text(), re.MULTILINE)

    assert [image for image in foreign if not re.search(r":v?\d[\w.-]*$", image)] == []


@pytest.mark.parametrize("file", ["docker-compose.yml", "deploy/docker/Dockerfile", "deploy/docker/nginx.conf"])
def test_no_file_tells_a_secret(file: str) -> None:
    assert told_secrets((ROOT / file).read_text()) == []


def test_a_told_secret_is_seen() -> None:
    assert told_secrets("  POSTGRES_PASSWORD: hunter2\n") == ["POSTGRES_PASSWORD"]
    assert told_secrets("  URL: redis://:hunter2@cache/0\n") == ["://:hunter2@"]
    assert told_secrets("  POSTGRES_PASSWORD_FILE: /run/secrets/postgres/password\n") == []


def test_only_what_the_image_is_made_of_goes_to_the_engine() -> None:
    first, *allowed = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    assert first == "*"
    assert set(allowed) == {
        *("!deploy", "!migrations", "!services", "!pyproject.toml", "!requirements.txt", "!requirements-dev.txt"),
        "**/__pycache__",
    }


def test_the_image_is_built_by_the_uv_of_the_lock() -> None:
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text()

    locked = re.search(r"^uv==(\S+)", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    assert locked
    assert re.findall(r"astral-sh/uv:(\S+)", dockerfile) == [locked[1]]


def test_prometheus_looks_for_containers_that_there_are() -> None:
    configured = yaml.safe_load((ROOT / "deploy/monitoring/prometheus.yml").read_text())
    targets = {
        target.partition(":")[0] for job in configured["scrape_configs"] for static in job["static_configs"] for target in static["targets"]
    }

    assert targets == {"api-1", "api-2", "worker", "relay"}
    assert targets <= services().keys()


def test_what_is_mounted_exists() -> None:
    mounted = [str(volume).partition(":")[0] for service in services().values() for volume in service.get("volumes", [])]

    assert [path for path in mounted if path.startswith(".") and not Path(ROOT / path).exists()] == []
