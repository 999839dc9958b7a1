"""Without these, code gathers in drawers that say nothing, and an import path no longer is a file path."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.support.sources import Source, sources

_REFUSED = {"shared", "common", "core", "lib", "util", "utils", "helper", "helpers", "base", "manager", "service", "repository", "schemas"}


def drawers(source: Source) -> Iterator[str]:
    path = PurePosixPath(source.path)
    if _REFUSED & {*path.parts[:-1], path.stem}:
        yield source.path


def imports_without_a_path(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and (node.level or node.names[0].name == "*"):
            yield source.at(node)


def packages_with_code(source: Source) -> Iterator[str]:
    match source.tree.body:
        case [ast.Expr(value=ast.Constant(value=str()))]:
            return
    if source.path.endswith("/__init__.py"):
        yield source.path


def test_no_file_is_named_after_nothing() -> None:
    assert [place for source in sources() for place in drawers(source)] == []


def test_every_import_spells_its_path_out() -> None:
    assert [place for source in sources() for place in imports_without_a_path(source)] == []


def test_a_package_tells_its_story_and_nothing_else() -> None:
    assert [place for source in sources() for place in packages_with_code(source)] == []


def test_each_rule_can_be_broken() -> None:
    drawer = Source("services/utils/dates.py", "from . import clock\nfrom services.runtime.clock import *\n")
    shop = Source("services/shop/__init__.py", '"""A shop."""\nfrom services.shop.till import Till\n')

    assert list(drawers(drawer)) == ["services/utils/dates.py"]
    assert list(imports_without_a_path(drawer)) == ["services/utils/dates.py:1", "services/utils/dates.py:2"]
    assert list(packages_with_code(shop)) == ["services/shop/__init__.py"]
