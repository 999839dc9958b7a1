"""What is owed to customers, and the relay's part in it whenever a test wants it played."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest_asyncio

from services.runtime.database import Database as OurDatabase
from services.worker.app import create_celery
from services.worker.metrics import Relayed
from services.worker.relay import deliver_once
from tests.support.database import Database
from tests.support.settings import Where, settings

Deliver = Callable[[], Awaitable[int]]


@pytest_asyncio.fixture
async def deliver(database: Database, ours: OurDatabase, broker_url: str) -> AsyncIterator[Deliver]:
    """One round of a relay, in the test's own process: what tests use that are not about relays."""
    with create_celery(settings(Where(database_url=database.url, broker_url=broker_url))) as celery:
        yield lambda: deliver_once(ours, celery, Relayed())


async def end_leases(database: Database) -> None:
    """Let every mail that somebody waits for be due again: whoever had it has had it long enough."""
    await database.do("UPDATE notifications SET due_at = clock_timestamp() WHERE state IN ('queued', 'sending')")


async def states(database: Database) -> list[str]:
    """Of every mail that is owed, in the order of the events."""
    return [state for (state,) in await database.rows("SELECT state FROM notifications ORDER BY event_id")]


async def are_sent(database: Database, count: int) -> bool:
    """Whether so many mails are owed, and all of them are sent."""
    return await states(database) == ["sent"] * count
