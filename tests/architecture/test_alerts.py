"""Without these, somebody is woken by an alert that no page explains, or is not woken at all."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from grafana.main import BOARDS
from services.api.main import create_app
from tests.architecture.test_boards import known_metrics, unknown
from tests.support.promql import rule_tests, rules
from tests.support.settings import Where, settings
from tests.support.sources import ROOT

_RUNBOOKS = ROOT / "docs" / "runbooks"
_HEADINGS = ["## See it", "## Usual causes", "## Do", "## Over when"]
_PANEL = re.compile(r"\*\*([a-z]+): ([^*]+)\*\*")
_PASSWORD_ROUTES = re.compile(r"/v1/auth/\(([a-z|-]+)\)")
_TARGET = re.compile(r"`make ([a-z-]+)")


def incomplete(alert: Mapping[str, Any]) -> Iterator[str]:
    """What somebody who is woken by it would miss."""
    labels, annotations = alert["labels"], alert["annotations"]
    if labels.get("severity") not in {"page", "ticket"}:
        yield "a severity"
    if "$value" not in annotations["description"]:
        yield "the figure"
    if annotations.get("dashboard") not in {board.name for board in BOARDS}:
        yield "a board"
    page = ROOT / annotations["runbook"]
    if not page.exists() or alert["alert"] not in page.read_text(encoding="utf-8").splitlines()[0]:
        yield "a page with its name on top"


def untested(names: Iterable[str], tests: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Alerts that no test lets fire, or none keeps silent."""
    seen = {(test["alertname"], bool(test["exp_alerts"])) for test in tests}
    for name in names:
        yield from (f"{name} {wanted}" for wanted, fires in (("fires", True), ("is silent", False)) if (name, fires) not in seen)


def dead_references(page: str, makefile: str) -> Iterator[str]:
    """Panels and make targets that a page names and that do not exist."""
    panels = {(board.name, panel.title) for board in BOARDS for panel in board.panels}
    yield from (f"{board}: {title}" for board, title in _PANEL.findall(page.replace("\n", " ")) if (board, title) not in panels)
    yield from (f"make {target}" for target in _TARGET.findall(page) if f"\n{target}: " not in makefile)


def test_every_rule_asks_for_what_somebody_counts() -> None:
    known = known_metrics()
    expressions = {rule.get("alert") or rule["record"]: rule["expr"] for kind in ("alert", "record") for rule in rules(kind)}

    assert {name: missing for name, promql in expressions.items() if (missing := unknown(promql, known))} == {}


def test_the_routes_whose_slowness_is_forgiven_exist() -> None:
    forgiven = {name for rule in rules("record") for names in _PASSWORD_ROUTES.findall(rule["expr"]) for name in names.split("|")}
    app = create_app(settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none")))

    assert forgiven
    assert {f"/v1/auth/{name}" for name in forgiven} <= set(app.state.templates.values())


def test_every_alert_says_how_bad_it_is_and_where_to_look() -> None:
    assert {alert["alert"]: missing for alert in rules("alert") if (missing := list(incomplete(alert)))} == {}


def test_every_alert_is_seen_to_fire_and_to_be_silent() -> None:
    assert list(untested([alert["alert"] for alert in rules("alert")], rule_tests())) == []


def test_every_page_belongs_to_an_alert_and_goes_from_sight_to_end() -> None:
    pages = {path for path in _RUNBOOKS.glob("*.md") if path.name != "README.md"}

    assert pages == {ROOT / alert["annotations"]["runbook"] for alert in rules("alert")}
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"^## .+$", text, re.MULTILINE) == _HEADINGS, page.name
        assert "\n**For users.** " in text, page.name
        assert f"({page.name})" in (_RUNBOOKS / "README.md").read_text(encoding="utf-8")


def test_pages_name_only_panels_and_commands_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pages = [*_RUNBOOKS.glob("*.md"), ROOT / "docs" / "observing.md", ROOT / "grafana" / "README.md"]

    assert {page.name: dead for page in pages if (dead := list(dead_references(page.read_text(encoding="utf-8"), makefile)))} == {}


def test_each_rule_can_be_broken() -> None:
    bare = {"alert": "Fire", "labels": {}, "annotations": {"description": "It burns.", "runbook": "docs/runbooks/fire.md"}}

    assert list(incomplete(bare)) == ["a severity", "the figure", "a board", "a page with its name on top"]
    assert list(untested(["Fire"], [{"alertname": "Fire", "exp_alerts": [{}]}])) == ["Fire is silent"]
    assert list(dead_references("**service: Smoke** and `make water N=1`", "\nup: setup\n")) == ["service: Smoke", "make water"]
