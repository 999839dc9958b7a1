"""A database for each test: migrated once, cloned every time, with commits that are real."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from tests.support.servers import Servers
from tests.support.settings import Where, environment
from tests.support.sources import ROOT


class Database:
    """What a test sees and does past all of our own code."""

    def __init__(self, url: str, pool: "asyncpg.Pool") -> None:
        self.url = url
        self._pool = pool

    async def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self._pool.fetch(sql, *arguments)]

    async def do(self, sql: str, *arguments: object) -> None:
        await self._pool.execute(sql, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["asyncpg.Connection"]:
        """A transaction of the test's own, to sit on a row for instance; rolled back in the end."""
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield connection
            finally:
                await transaction.rollback()


@contextmanager
def migrated(servers: Servers) -> Iterator[str]:
    """The name of a migrated database that nobody is connected to, so that it can be cloned."""
    name = asyncio.run(create_database(servers))
    migrate(url_of(servers, name))
    yield name
    asyncio.run(drop_database(servers, name))


@pytest.fixture(scope="session")
def template(servers: Servers) -> Iterator[str]:
    with migrated(servers) as name:
        yield name


@pytest_asyncio.fixture
async def database(servers: Servers, template: str) -> AsyncIterator[Database]:
    async with clone_of(template, servers) as clone:
        yield clone


@pytest_asyncio.fixture
async def empty_database(servers: Servers) -> AsyncIterator[Database]:
    """A database that was never migrated."""
    async with clone_of("template1", servers) as clone:
        yield clone


@asynccontextmanager
async def clone_of(template: str, servers: Servers) -> AsyncIterator[Database]:
    name = await create_database(servers, template)
    async with open_database(servers, name) as clone:
        yield clone
    await drop_database(servers, name)


@asynccontextmanager
async def open_database(servers: Servers, name: str) -> AsyncIterator[Database]:
    async with asyncpg.create_pool(url_of(servers, name), min_size=0, max_size=5) as pool:
        yield Database(url_of(servers, name), pool)


async def create_database(servers: Servers, template: str = "template1") -> str:
    """A copy of the template, which nobody may be connected to; its name."""
    name = f"holdfast_test_{uuid.uuid4().hex}"
    await _copy(servers, template, name)
    return name


async def replace_database(servers: Servers, name: str, template: str) -> None:
    """Another database of the same name: processes that are connected to the old one find this one when they connect again."""
    await drop_database(servers, name)
    await _copy(servers, template, name)


async def drop_database(servers: Servers, name: str) -> None:
    await _administer(servers, f"DROP DATABASE {name} WITH (FORCE)")  # processes that a test killed leave sessions behind


async def _copy(servers: Servers, template: str, name: str) -> None:
    await _administer(servers, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")  # half as long as through the log


def url_of(servers: Servers, name: str) -> str:
    return urlsplit(servers.postgres_url)._replace(path=f"/{name}").geturl()


async def _administer(servers: Servers, sql: str) -> None:
    connection = await asyncpg.connect(servers.postgres_url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def migrate(url: str) -> None:
    """Give the database the newest schema, as an operator does; that of a newer release, if HOLDFAST_TEST_SCHEMA_OF names its folder."""
    newer = os.environ.get("HOLDFAST_TEST_SCHEMA_OF")
    python = f"{newer}/.venv/bin/python" if newer else sys.executable
    command = [python, "-m", "services.cli.main", "migrate"]
    variables = environment(Where(database_url=url))
    result = subprocess.run(command, cwd=newer or ROOT, env=variables, check=False, capture_output=True, text=True)
    assert result.returncode == 0, f"the migrations failed\n{result.stdout}{result.stderr}"
