"""An API whose database is out of reach: what it refuses here, it refuses without asking anybody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest_asyncio

from services.api.dependencies import Assembled
from services.api.main import create_app
from services.inventory.accounts.model import AccountId, Role
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.tokens import Tokens
from services.runtime.ids import new_id
from tests.support.api import Client
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


@pytest_asyncio.fixture
async def unplugged() -> AsyncIterator[Client]:
    """One of the staff, before an API without a database."""
    token = Tokens(settings(NOWHERE)).issue(Caller(AccountId(new_id()), Role.STAFF)).text
    async with serving(NOWHERE, token=token) as (client, _):
        yield client


@pytest_asyncio.fixture
async def unplugged_nobody() -> AsyncIterator[Client]:
    async with serving(NOWHERE) as (client, _):
        yield client
