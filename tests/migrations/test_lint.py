"""Without these, a migration locks a busy table for minutes, and nobody can read its SQL before it runs."""

import asyncio
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from alembic import command
from alembic.script import Script, ScriptDirectory

from deploy.local.postgres import find_programs
from tests.migrations.test_migrations import alembic, everything, migrate
from tests.support.database import Database
from tests.support.sources import ROOT

REVISIONS = list(ScriptDirectory.from_config(alembic()).walk_revisions())
WAYS = re.compile(r"\b(Expands|Contracts)\b")
IMPATIENT = """
    CREATE SCHEMA watch;
    CREATE FUNCTION watch.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF current_setting('lock_timeout') <> '2s' THEN
        RAISE 'a migration would wait for a lock for %', current_setting('lock_timeout');
      END IF;
    END $$;
    CREATE EVENT TRIGGER the_patient_are_refused ON ddl_command_start EXECUTE FUNCTION watch.refuse()
"""


def sql_of(span: str) -> str:
    """What these migrations would execute."""
    printed = StringIO()
    configuration = alembic()
    configuration.output_buffer = printed
    command.upgrade(configuration, span, sql=True)
    return printed.getvalue()


def lint(sql: str) -> list[str]:
    found = subprocess.run(
        [Path(sys.executable).with_name("squawk"), "--reporter", "gcc"], cwd=ROOT, input=sql, capture_output=True, text=True, check=False
    )
    findings = re.findall(r"^stdin:(.+)$", found.stdout, re.MULTILINE)
    assert found.returncode == bool(findings), found.stderr
    return findings


def run_in_psql(url: str, sql: str) -> None:
    psql = [str(find_programs() / "psql"), url, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--output", "/dev/null"]
    done = subprocess.run(psql, input=sql, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def faults_of_docstring(text: str) -> list[str]:
    faults = [] if WAYS.search(text) else ["does not say whether it expands or contracts"]
    return faults if len(WAYS.sub("", text).split()) > 4 else [*faults, "does not say why"]


def test_the_linter_finds_nothing() -> None:
    assert lint(sql_of("base:head")) == []


def test_the_linter_finds_what_locks_a_table() -> None:
    without_timeout = "CREATE INDEX CONCURRENTLY products_by_name ON products (name);"
    blocking = "SET lock_timeout = '2s'; SET statement_timeout = 0; CREATE INDEX products_by_name ON products (name);"

    assert len(lint(without_timeout)) == 2
    assert len(lint(blocking)) == 1


@pytest.mark.parametrize("script", REVISIONS, ids=lambda script: script.revision)
def test_each_migration_says_why_and_waits_for_no_lock_for_long(script: Script) -> None:
    first, *_ = (line for line in sql_of(f"{script.down_revision or 'base'}:{script.revision}").splitlines() if line)

    assert first == "SET lock_timeout = '2s';"
    assert faults_of_docstring(script.doc) == []


def test_a_docstring_can_fail() -> None:
    assert faults_of_docstring("More columns. Expands.") == ["does not say why"]
    assert faults_of_docstring("Colours, because customers sort by them.") == ["does not say whether it expands or contracts"]


async def test_no_migration_that_runs_waits_for_a_lock_for_long(empty_database: Database) -> None:
    await empty_database.do(IMPATIENT)

    await migrate(empty_database, "head")


async def test_the_sql_that_is_printed_makes_the_schema_that_a_migration_makes(database: Database, empty_database: Database) -> None:
    await asyncio.to_thread(run_in_psql, empty_database.url, sql_of("base:head"))

    assert await everything(empty_database) == await everything(database)
    assert await empty_database.rows("TABLE alembic_version") == await database.rows("TABLE alembic_version")
