"""These tests stop the database under everybody's feet, so they have one of their own, and it is durable."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.support.database import Database, migrated
from tests.support.lasting import Lasting, lasting_api
from tests.support.leash import Leash
from tests.support.own_postgres import OwnPostgres, own_postgres
from tests.support.own_valkey import OwnValkey, own_valkey_in
from tests.support.processes import Api as ApiProcess
from tests.support.servers import Servers


@pytest.fixture(scope="session")
def postgres(leash: Leash, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    """Whoever stops it waits until it is back."""
    with own_postgres(tmp_path_factory.mktemp("own"), leash) as running:
        yield running


@pytest.fixture(scope="session")
def servers(servers: Servers, postgres: OwnPostgres) -> Servers:
    return replace(servers, postgres_url=postgres.url)


@pytest.fixture(scope="session")
def template(servers: Servers) -> Iterator[str]:
    with migrated(servers) as name:
        yield name


@pytest.fixture(scope="session")
def valkey(leash: Leash, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnValkey]:
    """The cache of that API. Whoever stops it starts it again."""
    with own_valkey_in(tmp_path_factory.mktemp("valkey"), leash) as running:
        yield running


@pytest.fixture(scope="session")
def lasting(
    servers: Servers, template: str, valkey: OwnValkey, leash: Leash, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lasting]:
    with lasting_api(servers, template, tmp_path_factory.mktemp("lasting"), leash, cache_url=valkey.url) as running:
        yield running


@pytest_asyncio.fixture
async def database(lasting: Lasting) -> AsyncIterator[Database]:
    async with lasting.with_new_database() as fresh:
        yield fresh


@pytest.fixture
def running(lasting: Lasting, database: Database) -> ApiProcess:
    """Whoever kills a worker of it waits until there is another."""
    del database  # made before the first request
    return lasting.api
