"""Every race is run at one API of two processes, which is started once, and somebody watches the stock meanwhile."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.support.api import Api, api_at
from tests.support.database import Database
from tests.support.fault_proxy import fault_proxy
from tests.support.lasting import Lasting, lasting_api
from tests.support.leash import Leash
from tests.support.people import People
from tests.support.processes import Processes
from tests.support.servers import Servers, cache_url_of
from tests.support.watch import Watch, watching

_NEAREST_SECONDS, _FARTHER_SECONDS = 0.005, 0.015  # each way: 5 to 20 ms, a database in another city


@pytest.fixture(scope="session")
def lasting(servers: Servers, template: str, leash: Leash, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    with lasting_api(servers, template, tmp_path_factory.mktemp("races"), leash, cache_url=cache_url_of(servers)) as running:
        yield running


@pytest_asyncio.fixture
async def database(lasting: Lasting, cache_url: str) -> AsyncIterator[Database]:
    del cache_url  # emptied: copies of the database before
    async with lasting.with_new_database() as fresh:
        yield fresh


@pytest_asyncio.fixture
async def api(lasting: Lasting, database: Database, people: People) -> AsyncIterator[Api]:
    del database  # made before the first request
    async with api_at(lasting.api.url, people) as opened:
        yield opened


@pytest_asyncio.fixture
async def far_api(database: Database, processes: Processes, people: People) -> AsyncIterator[Api]:
    """Two other processes, far from the same database."""
    async with fault_proxy(database.url) as proxy:
        proxy.latency_seconds, proxy.jitter_seconds = _NEAREST_SECONDS, _FARTHER_SECONDS
        running = await processes.api(workers=2, where=replace(processes.where, database_url=proxy.url))
        async with api_at(running.url, people) as opened:
            yield opened


@pytest_asyncio.fixture
async def watched(database: Database) -> AsyncIterator[Watch]:
    """Nothing may ever be wrong, not even for a moment."""
    async with watching(database) as watch:
        yield watch
    assert watch.looks > 1
    assert watch.seen == []
