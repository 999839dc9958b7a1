"""A shop that runs as it is shipped, for tests that harm it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.faults.traffic import Traffic
from tests.support.api import api_at
from tests.support.people import People
from tests.support.processes import Api as ApiProcess
from tests.support.processes import Processes


@pytest_asyncio.fixture
async def running(processes: Processes) -> ApiProcess:
    return await processes.api(workers=2)


@pytest_asyncio.fixture
async def traffic(running: ApiProcess, people: People) -> AsyncIterator[Traffic]:
    async with api_at(running.url, people) as api:
        opened = Traffic(await api.staff())
        await opened.open()
        yield opened
