"""Without these, half a unit of work gets committed, SQL hides where nobody looks for it, or a lock is held while somebody else thinks."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.support.sources import Source, sources

_WAYS_OUT = {
    "aiohttp",
    "aiosmtplib",
    "celery",
    "ftplib",
    "http",
    "httpx",
    "kombu",
    "redis",
    "requests",
    "smtplib",
    "socket",
    "subprocess",
    "urllib",
}
_STATEMENTS = {"select", "insert", "update", "delete", "text"}


def ends_of_transactions(source: Source) -> Iterator[str]:
    for call in source.calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"commit", "rollback"}:
            yield source.at(call)


_STORES = {
    "store.py",
    "reserving.py",
    "session_store.py",
    "revoking.py",
    "audit.py",
    "reminding.py",
    "crossings.py",
    "reading.py",
    "listing.py",
    "tables.py",
}


def sql_outside_stores(source: Source) -> Iterator[str]:
    path = PurePosixPath(source.path)
    if path.name in _STORES or path.is_relative_to("services/runtime"):
        return
    for call in source.calls():
        match call.func:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="sa" | "sqlalchemy"), attr=name) if name in _STATEMENTS:
                yield source.at(call)
            case ast.Attribute(attr="exec_driver_sql"):
                yield source.at(call)


def ways_out(source: Source) -> Iterator[str]:
    """Imports of what speaks to the world: whoever waits for an answer there does so with locks in the hand."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                modules = [name.name for name in names]
            case ast.ImportFrom(module=str(module)):
                modules = [module]
            case _:
                continue
        yield from (source.at(node) for module in modules if module.partition(".")[0] in _WAYS_OUT)


def test_the_business_leaves_commit_and_rollback_to_the_process() -> None:
    assert [place for source in sources("services/inventory") for place in ends_of_transactions(source)] == []


def test_statements_live_in_stores() -> None:
    assert [place for source in sources("services") for place in sql_outside_stores(source)] == []


def test_the_business_talks_to_nobody_but_the_database() -> None:
    assert [place for source in sources("services/inventory") for place in ways_out(source)] == []


def test_each_rule_can_be_broken() -> None:
    hasty = Source("services/inventory/stock/commands.py", "await connection.commit()\nawait connection.execute(select(levels))")
    chatty = Source(hasty.path, "import asyncio\nimport http.client")

    assert list(ends_of_transactions(hasty)) == ["services/inventory/stock/commands.py:1"]
    assert list(ways_out(chatty)) == ["services/inventory/stock/commands.py:2"]
    assert list(sql_outside_stores(hasty)) == ["services/inventory/stock/commands.py:2"]
