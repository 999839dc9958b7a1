"""Without this, a migration that was cut off can neither go on nor begin again, and somebody has to mend the schema by hand."""

import inspect
import re

import pytest
from alembic.script import Script
from sqlalchemy.exc import DBAPIError

from tests.migrations.test_lint import REVISIONS, sql_of
from tests.migrations.test_migrations import everything, migrate
from tests.support.database import Database

# What such a block does stays, whatever becomes of the rest.
IN_PARTS = [script for script in REVISIONS if "autocommit_block" in inspect.getsource(script.module)]
BUILT = re.compile(r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY \w+ ")
CUT_OFF = """
    CREATE SCHEMA cut;
    CREATE FUNCTION cut.off() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF starts_with(current_query(), '{statement}') THEN
        RAISE 'somebody pulled the plug';
      END IF;
    END $$;
    CREATE EVENT TRIGGER the_plug_is_pulled ON ddl_command_start EXECUTE FUNCTION cut.off()
"""


@pytest.mark.parametrize("script", IN_PARTS, ids=lambda script: script.revision)
@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
async def test_a_migration_that_was_cut_off_at_an_index_can_be_run_again(script: Script, which: int, database: Database) -> None:
    at_head, before = await everything(database), str(script.down_revision)
    await migrate(database, before)
    await database.do(CUT_OFF.format(statement=BUILT.findall(sql_of(f"{before}:{script.revision}"))[which]))

    with pytest.raises(DBAPIError, match="pulled the plug"):
        await migrate(database, "head")
    assert await database.rows("SELECT version_num FROM alembic_version") == [(before,)]
    await database.do("DROP EVENT TRIGGER the_plug_is_pulled")
    await migrate(database, "head")

    assert await everything(database) == at_head
