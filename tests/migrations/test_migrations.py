"""Without these, a deploy stops half-way, and the way back is found to be missing when it is needed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from services.cli.main import PROJECT
from services.runtime.readiness import newest_migration
from tests.support.api import Client
from tests.support.database import Database
from tests.support.settings import Where, environment

EVERYTHING = """
    SELECT 'column' AS kind, format('%s.%s', table_name, column_name) AS name, format('%s %s %s', data_type, is_nullable, column_default)
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT 'view', viewname, definition FROM pg_views WHERE schemaname = 'public'
    UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'option', relname, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
              AND reloptions IS NOT NULL
    UNION ALL SELECT 'extension', extname, extversion FROM pg_extension WHERE extname <> 'plpgsql'
    ORDER BY 1, 2, 3
"""


def alembic() -> Config:
    return Config(toml_file=PROJECT)


@contextmanager
def pointed_at(database: Database) -> Iterator[None]:
    with mock.patch.dict("os.environ", environment(Where(database_url=database.url)), clear=True):
        yield


async def migrate(database: Database, *steps: str) -> None:
    """Up to the head, or down to another revision, one after the other."""

    def go() -> None:
        for step in steps:
            (command.upgrade if step == "head" else command.downgrade)(alembic(), step)

    with pointed_at(database):
        await asyncio.to_thread(go)


async def everything(database: Database) -> list[tuple[str, str, str]]:
    return [(kind, name, text) for kind, name, text in await database.rows(EVERYTHING)]


async def test_the_way_down_leaves_nothing_and_the_way_up_is_the_same_again(database: Database) -> None:
    at_head = await everything(database)

    await migrate(database, "base")
    left = await everything(database)
    await migrate(database, "head")

    assert {name for _, name, _ in left} <= {"alembic_version.version_num", "alembic_version_pkc", "alembic_version_version_num_not_null"}
    assert await everything(database) == at_head


async def test_each_step_down_can_be_taken_up_again(database: Database) -> None:
    at_head = await everything(database)
    revisions = [script.revision for script in ScriptDirectory.from_config(alembic()).walk_revisions()]

    for step in range(1, len(revisions)):
        await migrate(database, f"-{step}", "head")

    assert await everything(database) == at_head


async def test_what_was_low_before_there_was_a_list_of_it_is_on_the_list(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("CAP", "AMS", 0)
    await database.do("UPDATE stock_levels SET low_stock_at = 3")
    noted = await database.rows("SELECT item_id, status FROM low_stock ORDER BY 1")

    await migrate(database, "20261124_4", "head")

    assert [status for _, status in noted] == ["out"]
    assert await database.rows("SELECT item_id, status FROM low_stock ORDER BY 1") == noted


async def test_an_older_release_leaves_a_newer_schema_as_it_is(database: Database) -> None:
    # Who deploys it again rolls back; the schema never does.
    await database.do("UPDATE alembic_version SET version_num = '29991231_1'")

    await migrate(database, "head")

    assert await database.rows("SELECT version_num FROM alembic_version") == [("29991231_1",)]


def test_there_is_one_head_and_readiness_waits_for_it() -> None:
    [head] = ScriptDirectory.from_config(alembic()).get_heads()

    assert newest_migration() == head


def test_revisions_sort_in_the_order_in_which_they_run() -> None:
    # Readiness compares them as text.
    run = [script.revision for script in ScriptDirectory.from_config(alembic()).walk_revisions()]

    assert run == sorted(run, reverse=True)
