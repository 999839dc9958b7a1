"""These tests stop the database under everybody's feet, so they have one of their own, and it is durable."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.database import migrated
from tests.support.leash import Leash
from tests.support.own_postgres import OwnPostgres, own_postgres
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
