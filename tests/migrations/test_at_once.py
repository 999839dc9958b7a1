"""Without these, replicas that start together wait for each other for ever, or a deploy closes the shop until a report is finished."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.runtime.readiness import newest_migration
from tests.migrations.test_migrations import everything, migrate
from tests.support.database import Database
from tests.support.eventually import eventually, until_blocked
from tests.support.leash import Leash
from tests.support.program import Program
from tests.support.settings import Where, environment

Migrator = Callable[[Database], Program]

MIGRATORS = 3
LOCK_KEY = 0x401DFA57  # migrations/env.py runs when it is imported, so it cannot tell
READER_SECONDS_MAX = 2.5  # the two of the migration's lock_timeout, and what a busy machine adds
SNAPSHOT = """
    SELECT backend_xmin FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'SELECT pg%advisory_lock%'
"""
INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
WATCHED = """
    CREATE SCHEMA watch;
    CREATE TABLE watch.steps (who int NOT NULL, sql text NOT NULL);
    CREATE FUNCTION watch.note() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF tg_tag <> 'DROP INDEX' THEN -- concurrently, it must be the first that its transaction does
        INSERT INTO watch.steps VALUES (pg_backend_pid(), current_query());
      END IF;
    END $$;
    CREATE EVENT TRIGGER steps_are_noted ON ddl_command_start EXECUTE FUNCTION watch.note()
"""


@pytest.fixture
def migrator(leash: Leash, tmp_path: Path) -> Iterator[Migrator]:
    """`holdfast migrate`, as often as it is called."""
    started: list[Program] = []

    def start(database: Database) -> Program:
        variables = environment(Where(database_url=database.url))
        log = tmp_path / f"{len(started)}.log"
        started.append(Program("services.cli.main", "migrate", environment=variables, log=log, leash=leash))
        return started[-1]

    yield start
    for program in started:
        program.kill()


@asynccontextmanager
async def held(database: Database) -> AsyncIterator[None]:
    """The lock of migrators, by somebody who does nothing."""
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM pg_advisory_lock($1)", LOCK_KEY)
        yield
        await connection.execute("SELECT pg_advisory_unlock_all()")


async def ask_for_the_lock(database: Database, count: int) -> bool:
    return len(await database.rows(SNAPSHOT)) == count


async def test_of_several_migrators_at_once_all_succeed_and_one_does_the_work(empty_database: Database, migrator: Migrator) -> None:
    await empty_database.do(WATCHED)

    async with held(empty_database):
        migrators = [migrator(empty_database) for _ in range(MIGRATORS)]
        await eventually(lambda: ask_for_the_lock(empty_database, MIGRATORS), within_seconds=30)
    codes = [await each.ended(within_seconds=60) for each in migrators]

    assert codes == [0] * MIGRATORS, "\n".join(each.tail for each in migrators)
    assert await empty_database.rows("SELECT version_num FROM alembic_version") == [(newest_migration(),)]
    assert await empty_database.rows("SELECT count(DISTINCT who) FROM watch.steps") == [(1,)]
    assert await empty_database.rows("SELECT count(*) > 0 FROM watch.steps WHERE sql LIKE 'CREATE INDEX CONCURRENTLY%'") == [(True,)]
    assert await empty_database.rows(INVALID) == []


async def test_a_migrator_waits_for_another_without_holding_a_snapshot(database: Database, migrator: Migrator) -> None:
    async with held(database):
        waiting = migrator(database)
        await eventually(lambda: ask_for_the_lock(database, 1), within_seconds=20)
        assert await database.rows(SNAPSHOT) == [(None,)]
        assert waiting.is_running

    assert await waiting.ended(within_seconds=20) == 0


async def test_a_long_report_holds_up_a_migration_and_nobody_else(database: Database, migrator: Migrator) -> None:
    at_head = await everything(database)
    await migrate(database, "20261126_1")

    async with database.transaction() as report:
        await report.execute("SELECT FROM reservations")
        migration = migrator(database)  # adds a column to that table
        await until_blocked(database, within_seconds=20)
        await asyncio.wait_for(database.rows("SELECT FROM reservations"), timeout=READER_SECONDS_MAX)

    assert await migration.ended(within_seconds=30) == 0, migration.tail
    assert await everything(database) == at_head


async def test_an_index_that_gave_up_on_an_old_reader_is_built_anew(database: Database, migrator: Migrator) -> None:
    at_head = await everything(database)
    await migrate(database, "20261126_2")

    async with database.transaction() as reader:
        await reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await reader.execute("SELECT FROM sessions")
        migration = migrator(database)  # builds an index of another table
        await eventually(lambda: _tries_again(migration), within_seconds=20)
        assert await database.rows(INVALID) == [("accounts_that_nobody_verified",)]

    assert await migration.ended(within_seconds=30) == 0, migration.tail
    assert await database.rows(INVALID) == []
    assert await everything(database) == at_head


async def _tries_again(migration: Program) -> bool:
    return "more tries" in migration.tail
