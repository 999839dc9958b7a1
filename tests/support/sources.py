"""Our own source text, for the tests that read it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("services", "deploy", "grafana", "migrations", "tests")


@dataclass(frozen=True)
class Source:
    """A Python file; a test that wants to see its rule broken makes one up."""

    path: str  # relative to the repository, with slashes
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def at(self, node: ast.stmt | ast.expr | ast.alias) -> str:
        return f"{self.path}:{node.lineno}"

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    def mentions(self, name: str) -> Iterator[str]:
        """Where the code, not its comments, uses this name."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Name(id=found) | ast.Attribute(attr=found) | ast.alias(name=found) if found == name:
                    yield self.at(node)


def sources(*folders: str) -> list[Source]:
    """Every Python file under these folders of the repository, or under all of ours."""
    paths = (path for folder in folders or FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text()) for path in paths]
