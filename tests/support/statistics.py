"""What the database was asked, whoever asked it."""

from collections.abc import Sequence

import pytest
import pytest_asyncio

from tests.support.database import Database


class Statistics:
    """What pg_stat_statements counts in a database, seen from another one."""

    def __init__(self, of: Database, seen_from: Database) -> None:
        self._name = of.url.rpartition("/")[2]
        self._outside = seen_from

    async def forget(self) -> None:
        await self._outside.do("SELECT pg_stat_statements_reset(0, oid) FROM pg_database WHERE datname = $1", self._name)

    async def statements(self) -> Sequence[tuple[str, int]]:
        """Each that a client sent, BEGIN and COMMIT among them, and how often."""
        return await self._outside.rows(
            "SELECT query, calls FROM pg_stat_statements JOIN pg_database ON oid = dbid WHERE datname = $1 ORDER BY 1", self._name
        )


@pytest_asyncio.fixture
async def statistics(database: Database, empty_database: Database) -> Statistics:
    [(loaded, tracked)] = await empty_database.rows(
        "SELECT current_setting('shared_preload_libraries'), current_setting('pg_stat_statements.track', true)"
    )
    if "pg_stat_statements" not in loaded or tracked != "top":
        pytest.fail("start the server of HOLDFAST_TEST_DATABASE_URL with shared_preload_libraries=pg_stat_statements, which tracks the top")
    await empty_database.do("CREATE EXTENSION pg_stat_statements")
    return Statistics(database, empty_database)
