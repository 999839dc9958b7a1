"""Without these, the page that names a test for every known mistake names tests that are gone."""

import re
from collections.abc import Iterator

from tests.support.sources import ROOT, Source, sources

_PAGE = ROOT / "docs" / "root-causes.md"
_CAUSES = 13
_CAUSE = re.compile(r"^### (\d+)\. .+?(?=^### |\Z)", re.MULTILINE | re.DOTALL)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def causes_without_a_test(page: str, known: set[tuple[str, str]]) -> Iterator[str]:
    """Causes that name no test, and tests that are named and do not exist."""
    for cause in _CAUSE.finditer(page):
        named = _TEST.findall(cause[0])
        if not named or "**Rule.**" not in cause[0]:
            yield f"{cause[1]} names no rule or no test"
        yield from (f"{cause[1]} names {path}::{name}" for path, name in named if (path, name) not in known)


def test_every_root_cause_names_a_rule_and_a_test_that_exists() -> None:
    page = _PAGE.read_text()

    assert [int(cause[1]) for cause in _CAUSE.finditer(page)] == list(range(1, _CAUSES + 1))
    assert list(causes_without_a_test(page, _tests(sources("tests")))) == []


def test_each_omission_can_be_seen() -> None:
    known = _tests([Source("tests/a.py", "def test_it(): ...")])
    page = (
        "### 1. Good\n**Rule.** `tests/a.py::test_it`\n### 2. Bare\n**Rule.** Be careful.\n### 3. Gone\n**Rule.** `tests/a.py::test_that`\n"
    )

    assert list(causes_without_a_test(page, known)) == ["2 names no rule or no test", "3 names tests/a.py::test_that"]


def _tests(ours: list[Source]) -> set[tuple[str, str]]:
    return {(source.path, function.name) for source in ours for function in source.functions()}
