"""What Prometheus and Grafana ask for, and what the code has to tell them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from services.worker.metrics import event_counter_name
from services.worker.subscriptions import COPIES, SUBSCRIPTIONS
from tests.support.sources import ROOT, Source

MONITORING = ROOT / "deploy" / "monitoring"

_NAME = re.compile(r"inventory(_[a-z]+)+")
_SUFFIX = re.compile(r"_(total|bucket|count|sum|info)$")  # what the library or the kind of a metric adds to its name


def metrics_in(source: Source) -> set[str]:
    """The names of metrics that the file writes out, as families."""
    constants = (node.value for node in ast.walk(source.tree) if isinstance(node, ast.Constant))
    return {family(text) for text in constants if isinstance(text, str) and _NAME.fullmatch(text)}


def metrics_of_events() -> set[str]:
    """Those whose name the code makes of the name of an event."""
    return {family(event_counter_name(event)) for event in (*SUBSCRIPTIONS, *COPIES)}


def family(name: str) -> str:
    """A metric's name without what tells its kind or its part."""
    return _SUFFIX.sub("", name)


def asked_for(promql: str) -> set[str]:
    """The names of everything that the expression asks for, as they are. Raises ValueError if it is none."""
    names: set[str] = set()

    def note(expression: object) -> None:
        if isinstance(expression, promql_parser.VectorSelector) and expression.name is not None:
            names.add(expression.name)

    promql_parser.walk(promql_parser.parse(runnable(promql)), note)
    return names


def runnable(promql: str) -> str:
    """As Prometheus takes it: Grafana fills its own window in."""
    return promql.replace("$__rate_interval", "1m")


def rules(kind: str) -> Iterator[dict[str, Any]]:
    """Our rules that `record` or that `alert`."""
    for file in sorted((MONITORING / "rules").glob("*.yml")):
        yield from (rule for group in _read(file)["groups"] for rule in group["rules"] if kind in rule)


def rule_tests() -> Iterator[dict[str, Any]]:
    """Every question of our rule tests: which alert fires at a time, with what to expect."""
    for file in sorted((MONITORING / "rules_tests").glob("*.yml")):
        yield from (question for test in _read(file)["tests"] for question in test["alert_rule_test"])


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content
