"""Without these, the code speaks of a table that the database does not have, or of one that it has differently."""

import asyncio
import re

import pytest
from alembic import command
from sqlalchemy.ext.asyncio import create_async_engine

from services.runtime.database import metadata
from tests.migrations.test_migrations import alembic, everything, pointed_at
from tests.support.database import Database
from tests.support.problems import WATCHED
from tests.support.sources import ROOT

FILES = {path.stem: path.read_text() for path in sorted((ROOT / "services" / "inventory").rglob("*.sql"))}
DEFINITIONS = """
    SELECT oid::regprocedure::text AS name, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'
    ORDER BY 1
"""


async def test_alembic_finds_no_difference(database: Database) -> None:
    with pointed_at(database):
        await asyncio.to_thread(command.check, alembic())


async def test_the_tables_in_the_code_are_the_tables_in_the_database(database: Database, empty_database: Database) -> None:
    engine = create_async_engine(empty_database.url.replace("postgresql://", "postgresql+asyncpg://"))
    await empty_database.do(f"CREATE EXTENSION pg_trgm; {FILES['letters']}")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()

    declared, migrated = await everything(empty_database), await everything(database)

    # Names that PostgreSQL chooses, storage options and what lies in .sql files are not declared.
    assert set(declared) - set(migrated) == set()
    more = {(kind, name) for kind, name, _ in set(migrated) - set(declared)}
    assert {kind for kind, name in more if not name.startswith("alembic_version")} == {"column", "function", "option", "trigger", "view"}
    views = {name for kind, name in more if kind == "view"}
    assert {name.partition(".")[0] for kind, name in more if kind == "column"} == {"alembic_version", *views}


@pytest.mark.parametrize("name", FILES)
async def test_what_lies_beside_a_feature_is_what_the_database_runs(database: Database, name: str) -> None:
    migrated = await database.rows(DEFINITIONS)

    # Another signature would be one more function, not a changed one.
    await database.do(re.sub("^CREATE (FUNCTION|VIEW)", r"CREATE OR REPLACE \1", FILES[name], count=1, flags=re.MULTILINE))

    assert await database.rows(DEFINITIONS) == migrated


async def test_no_index_mentions_a_counter(database: Database) -> None:
    # One that did would make every reservation write the index too.
    indexed = await database.rows(
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
        " WHERE indrelid = 'stock_levels'::regclass"
    )

    assert indexed == [("item_id",)]


async def test_a_refused_request_is_compared_in_every_table(database: Database) -> None:
    tables = {name for (name,) in await database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}

    assert tables - {table.partition(" ")[0] for table in WATCHED} == {"alembic_version"}
