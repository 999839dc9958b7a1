"""What a process holds open while it runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.runtime.database import Database, open_database
from services.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    settings: Settings
    database: Database


@asynccontextmanager
async def open_resources(settings: Settings, *, application: str) -> AsyncIterator[Resources]:
    """Everything a process needs, closed in reverse order. `application` is its name in pg_stat_activity."""
    async with open_database(settings, application=application) as database:
        yield Resources(settings, database)
