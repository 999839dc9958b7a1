"""Without these, a manifest sets what no process reads, lets a container do what it need not, or kills what was still finishing."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from services.api.main import STOP_SECONDS
from services.runtime.metrics import FIRST_PORT
from services.runtime.settings import PREFIX, Settings
from services.worker.app import HARD_LIMIT_SECONDS
from tests.support.sources import ROOT

Object = Mapping[str, Any]

_MANIFESTS = ROOT / "deploy" / "k8s"
_PROCESSES = ("api", "worker", "relay")


def _objects() -> list[Object]:
    return [one for path in sorted(_MANIFESTS.rglob("*.yaml")) for one in yaml.safe_load_all(path.read_text()) if isinstance(one, dict)]


def _named(kind: str, name: str) -> Object:
    return next(one for one in _objects() if one["kind"] == kind and one["metadata"]["name"] == name)


def _workloads() -> list[Object]:
    return [one for one in _objects() if one["kind"] in {"Deployment", "Job"}]


def _settings_of_base() -> dict[str, str]:
    base = yaml.safe_load((_MANIFESTS / "base" / "kustomization.yaml").read_text())
    return dict(literal.split("=", 1) for literal in base["configMapGenerator"][0]["literals"])


def too_free(pod: Object) -> Iterator[str]:
    """What the restricted pod security forbids, or what we do not need."""
    context = pod.get("securityContext", {})
    if not context.get("runAsNonRoot") or not context.get("runAsUser") or context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "the pod may be root, or call what it likes"
    if pod.get("enableServiceLinks", True) or pod.get("automountServiceAccountToken", True):
        yield "the pod hears of services, or has a token"
    for container in pod["containers"]:
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation", True) or not own.get("readOnlyRootFilesystem"):
            yield f"{container['name']} may gain rights, or write its image"
        if own.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{container['name']} has capabilities"
        if not all({"cpu", "memory"} <= container.get("resources", {}).get(which, {}).keys() for which in ("requests", "limits")):
            yield f"{container['name']} has no limits"


def how_secrets_are_given(pod: Object, folder: str) -> Iterator[str]:
    """What keeps a process from its secrets, or shows them to whoever may look at the process."""
    mount = {"name": "secrets", "mountPath": folder, "readOnly": True}
    for container in pod["containers"]:
        if any("secretRef" in source for source in container.get("envFrom", [])):
            yield f"{container['name']} has them as variables"
        if mount not in container.get("volumeMounts", []):
            yield f"{container['name']} has no folder of them"
    files = {"name": "secrets", "secret": {"secretName": "holdfast", "defaultMode": 0o440}}
    # They are root's; the group is the one that our user gets.
    if files not in pod.get("volumes", []) or pod["securityContext"].get("fsGroup") != pod["securityContext"]["runAsGroup"]:
        yield "none, or files that somebody else may read"


def test_every_variable_is_a_setting() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    written = {
        name
        for path in sorted(_MANIFESTS.rglob("*"))
        if path.is_file()
        for name in re.findall(rf"{PREFIX}[A-Z_]+", "\n".join(line for line in path.read_text().splitlines() if "would set" not in line))
    }

    assert written >= {"HOLDFAST_TOKEN_SECRET", "HOLDFAST_DIRECT_DATABASE_URL", "HOLDFAST_TRUSTED_PROXIES"}
    assert written - known == set()


def test_no_secret_has_a_value() -> None:
    assert not [one for one in _objects() if one["kind"] == "Secret"]
    assert not {name for name in _settings_of_base() if name.endswith(("_SECRET", "_PEPPER", "_URL", "_DSN"))}


def test_every_process_finds_its_secrets_in_files_that_it_may_read_and_never_write() -> None:
    folder = _settings_of_base()["HOLDFAST_SECRETS_DIR"]

    assert {one["metadata"]["name"]: list(how_secrets_are_given(one["spec"]["template"]["spec"], folder)) for one in _workloads()} == {
        name: [] for name in (*_PROCESSES, "migrate")
    }


def test_the_rule_of_secrets_can_be_broken() -> None:
    variables = {"containers": [{"name": "shell", "envFrom": [{"secretRef": {"name": "holdfast"}}]}]}

    assert list(how_secrets_are_given(variables, "/run/secrets/holdfast")) == [
        "shell has them as variables",
        "shell has no folder of them",
        "none, or files that somebody else may read",
    ]


def test_every_pod_is_restricted_and_limited() -> None:
    assert len(_workloads()) == 4
    assert {one["metadata"]["name"]: list(too_free(one["spec"]["template"]["spec"])) for one in _workloads()} == {
        name: [] for name in (*_PROCESSES, "migrate")
    }


def test_the_rule_can_be_broken() -> None:
    assert list(too_free({"containers": [{"name": "shell"}]})) == [
        "the pod may be root, or call what it likes",
        "the pod hears of services, or has a token",
        "shell may gain rights, or write its image",
        "shell has capabilities",
        "shell has no limits",
    ]


@pytest.mark.parametrize("name", _PROCESSES)
def test_every_process_is_asked_how_it_is_and_scraped_where_it_answers(name: str) -> None:
    (container,) = _named("Deployment", name)["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    values = _settings_of_base()

    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()
    assert ports["metrics"] == int(values["HOLDFAST_METRICS_PORT"]) + FIRST_PORT[name]  # type: ignore[index]  # the names are the same
    assert ports.get("http", int(values["HOLDFAST_PORT"])) == int(values["HOLDFAST_PORT"])


@pytest.mark.parametrize("name", _PROCESSES)
def test_every_process_has_a_disruption_budget_and_more_time_to_stop_than_it_takes(name: str) -> None:
    pod = _named("Deployment", name)["spec"]["template"]["spec"]
    drain = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)

    assert pod["terminationGracePeriodSeconds"] > drain + {"api": STOP_SECONDS, "worker": HARD_LIMIT_SECONDS, "relay": 0}[name]
    assert bool(drain) == (name == "api")  # only it is sent requests
    assert _named("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/component": name}


def test_nobody_is_heard_unless_a_policy_says_so() -> None:
    assert _named("NetworkPolicy", "deny-all")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    heard = {
        port["port"]: source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for policy in _objects()
        if policy["kind"] == "NetworkPolicy" and policy["metadata"]["name"] in {"proxy-to-api", "monitoring-to-metrics"}
        for rule in policy["spec"]["ingress"]
        for source in rule["from"]
        for port in rule["ports"]
    }
    assert heard == {"http": "ingress", "metrics": "monitoring"}


def test_labels_that_kustomize_adds_change_no_selector() -> None:
    base = yaml.safe_load((_MANIFESTS / "base" / "kustomization.yaml").read_text())

    # It would add ours to the selector of the name server too, and every policy would still look right.
    assert [one["includeSelectors"] for one in base["labels"]] == [False]
    assert "commonLabels" not in base
