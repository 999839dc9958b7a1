"""An API of which nothing is wanted that would change the database: many small refusals share one, and one of the staff."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from services.api.dependencies import Assembled
from services.api.main import create_app
from services.inventory.accounts.model import AccountId, Role, SessionId
from services.inventory.accounts.permissions import Caller
from services.runtime.ids import new_id
from tests.support.api import Client
from tests.support.database import create_database, drop_database, url_of
from tests.support.servers import Servers
from tests.support.settings import Where, settings

NOWHERE = Where(database_url="postgresql://postgres@127.0.0.1:1/none")


@asynccontextmanager
async def serving(where: Where, *, token: str = "", **chosen: str) -> AsyncIterator[tuple[Client, Assembled]]:
    """A client of an app with settings of its own, and the parts of that app."""
    app = create_app(settings(where, **chosen))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(base_url="http://holdfast.test", transport=transport, headers=headers) as http:
            yield Client(http, None), app.state.assembled


@pytest.fixture(scope="session")
def _quiet(servers: Servers, template: str) -> Iterator[Where]:
    name = asyncio.run(create_database(servers, template))
    yield Where(database_url=url_of(servers, name))
    asyncio.run(drop_database(servers, name))


@pytest_asyncio.fixture
async def unplugged(_quiet: Where) -> AsyncIterator[Client]:
    """One of the staff, who asks for nothing that can be had."""
    async with serving(_quiet) as (client, parts):
        caller = Caller(AccountId(new_id()), Role.STAFF, SessionId(new_id()))
        token = await parts.access.issue(caller, issued_at=datetime.now(UTC))
        client.http.headers["Authorization"] = f"Bearer {token.text}"
        yield client


@pytest_asyncio.fixture
async def unplugged_nobody(_quiet: Where) -> AsyncIterator[Client]:
    async with serving(_quiet) as (client, _):
        yield client
