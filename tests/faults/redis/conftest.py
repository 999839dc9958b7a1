"""These tests take Redis away from under everybody, so they have their own, and an API that waits for it as briefly as production."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.support.database import Database
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.lasting import Lasting, lasting_api
from tests.support.leash import Leash
from tests.support.own_valkey import OwnValkey, own_valkey_in
from tests.support.processes import Api as ApiProcess
from tests.support.servers import Servers

TIMEOUT_MS = "50"


@pytest.fixture(scope="session")
def valkey(leash: Leash, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnValkey]:
    """Whoever harms it waits until it is well."""
    with own_valkey_in(tmp_path_factory.mktemp("own"), leash) as running:
        yield running


@pytest.fixture(scope="session")
def lasting(
    servers: Servers, template: str, leash: Leash, valkey: OwnValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lasting]:
    folder = tmp_path_factory.mktemp("lasting")
    with lasting_api(servers, template, folder, leash, cache_url=valkey.url, redis_timeout_ms=TIMEOUT_MS) as running:
        yield running


@pytest_asyncio.fixture
async def database(lasting: Lasting, valkey: OwnValkey) -> AsyncIterator[Database]:
    async with lasting.with_new_database() as fresh:
        await valkey.forget_everything()  # copies of the database before
        yield fresh


@pytest.fixture
def running(lasting: Lasting, database: Database) -> ApiProcess:
    del database  # made before the first request
    return lasting.api


@pytest.fixture
def cache_url(valkey: OwnValkey) -> str:
    return valkey.url


@pytest_asyncio.fixture
async def line(valkey: OwnValkey) -> AsyncIterator[FaultProxy]:
    """The way to Redis of processes that a test starts itself."""
    async with fault_proxy(valkey.url) as proxy:
        yield proxy
