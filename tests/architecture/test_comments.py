"""Without these, a file does not say why it exists, and its comments send the reader to files that are gone."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.support.sources import ROOT, Source, sources

_FILE_NAME = re.compile(r"[\w.-]*[\w*]+(?:/[\w.*-]+)*\.(?:py|sql|md|toml)\b")
_PLACES = ("services", "deploy", "migrations", "tests", "docs", "grafana", ".github")


def files_without_a_sentence(source: Source) -> Iterator[str]:
    if not ast.get_docstring(source.tree):
        yield source.path


def references_to_nothing(source: Source, known: set[str]) -> Iterator[str]:
    """Files that comments and docstrings name, and that are not there: `stock/store.py` is any path that ends so."""
    for line, prose in _prose(source):
        for name in _FILE_NAME.findall(prose):
            if not any(f"/{path}".endswith(f"/{name}") for path in known):
                yield f"{source.path}:{line} {name}"


def _prose(source: Source) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text


def _files() -> set[str]:
    paths: list[Path] = [*ROOT.glob("*.*"), *(path for place in _PLACES for path in (ROOT / place).rglob("*.*"))]
    return {path.relative_to(ROOT).as_posix() for path in paths}


def test_every_file_starts_with_what_it_is_for() -> None:
    assert [place for source in sources() for place in files_without_a_sentence(source)] == []


def test_comments_name_only_files_that_exist() -> None:
    known = _files()

    assert [place for source in sources() for place in references_to_nothing(source, known)] == []


def test_both_rules_can_be_broken() -> None:
    orphan = Source("services/a.py", "# See old/place.py, or new/place.py.\n")

    assert list(files_without_a_sentence(orphan)) == ["services/a.py"]
    assert list(references_to_nothing(orphan, {"services/new/place.py"})) == ["services/a.py:1 old/place.py"]
