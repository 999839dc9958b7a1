"""Every race is run at one API of two processes, which is started once, and somebody watches the stock meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import replace
from threading import Thread

import pytest
import pytest_asyncio

from tests.races.patience import Patient
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
def is_far(pytestconfig: pytest.Config) -> bool:
    """Whether all races are run at an API whose database is far away."""
    return bool(pytestconfig.getoption("far"))


@pytest.fixture(scope="session")
def lasting(servers: Servers, template: str, leash: Leash, *, tmp_path_factory: pytest.TempPathFactory, is_far: bool) -> Iterator[Lasting]:
    folder, way = tmp_path_factory.mktemp("races"), _far_for_all_tests if is_far else nullcontext
    with lasting_api(servers, template, folder, leash, cache_url=cache_url_of(servers), way=way) as running:
        yield running


@pytest_asyncio.fixture
async def database(lasting: Lasting, cache_url: str) -> AsyncIterator[Database]:
    del cache_url  # emptied: copies of the database before
    async with lasting.with_new_database() as fresh:
        yield fresh


@pytest_asyncio.fixture
async def api(lasting: Lasting, database: Database, people: People, *, is_far: bool) -> AsyncIterator[Api]:
    del database  # made before the first request
    # Far away each lock is held longer than some can wait. Nearby nobody is patient: a deadlock would show as the same answer.
    async with api_at(lasting.api.url, people, by=Patient if is_far else None) as opened:
        yield opened


@pytest_asyncio.fixture
async def far_api(database: Database, processes: Processes, people: People) -> AsyncIterator[Api]:
    """Two other processes, far from the same database."""
    async with _far(database.url) as url:
        running = await processes.api(workers=2, where=replace(processes.where, database_url=url))
        async with api_at(running.url, people) as opened:
            yield opened


@pytest_asyncio.fixture
async def watched(database: Database) -> AsyncIterator[Watch]:
    """Nothing may ever be wrong, not even for a moment."""
    async with watching(database) as watch:
        yield watch
    assert watch.looks > 1
    assert watch.seen == []


@asynccontextmanager
async def _far(url: str) -> AsyncIterator[str]:
    """The URL of the same database, a long way round."""
    async with fault_proxy(url) as proxy:
        proxy.latency_seconds, proxy.jitter_seconds = _NEAREST_SECONDS, _FARTHER_SECONDS
        yield proxy.url


@contextmanager
def _far_for_all_tests(url: str) -> Iterator[str]:
    """The same in a thread of its own: each test has another event loop."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="far", daemon=True)
    thread.start()
    way = _far(url)
    yield asyncio.run_coroutine_threadsafe(way.__aenter__(), loop).result()
    asyncio.run_coroutine_threadsafe(way.__aexit__(None, None, None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
