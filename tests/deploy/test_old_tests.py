"""Without these, a migration takes away what the running release needs, and the pipeline lets it through to the deploy."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.runtime.readiness import newest_migration
from tests.deploy.clone import Clone
from tests.support.servers import Servers

MIGRATION = f"""
from alembic import op

revision = "29991231_1"
down_revision = "{newest_migration()}"


def upgrade() -> None:
    op.execute("{{statement}}")
"""
OLD_TEST = "tests/api/test_auth.py::test_who_signs_in_can_act"


@pytest.fixture
def repository(tmp_path: Path) -> Clone:
    """This code as the release v1.0."""
    clone = Clone(tmp_path)
    git(clone, "init", "--quiet")
    commit(clone)
    git(clone, "tag", "v1.0")
    commit(clone)
    return clone


def git(clone: Clone, *arguments: str) -> None:
    me = ["-c", "user.name=Test", "-c", "user.email=test@holdfast.example"]
    subprocess.run(["git", *me, *arguments], cwd=clone.root, check=True, capture_output=True)


def commit(clone: Clone) -> None:
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "a change")


def migrate(clone: Clone, statement: str) -> None:
    (clone.root / "migrations" / "versions" / "29991231_1_trial.py").write_text(MIGRATION.format(statement=statement))
    commit(clone)


def old_tests(clone: Clone, servers: Servers) -> subprocess.CompletedProcess[str]:
    shared = {"HOLDFAST_TEST_DATABASE_URL": servers.postgres_url, "HOLDFAST_TEST_REDIS_URL": servers.redis_url}
    command = [sys.executable, "-m", "deploy.pipeline.old_tests", "--pytest", OLD_TEST]
    return subprocess.run(command, cwd=clone.root, env=clone.environment | shared, check=False, capture_output=True, text=True)


def test_without_a_migration_there_is_nothing_to_run(repository: Clone, servers: Servers) -> None:
    result = old_tests(repository, servers)

    assert (result.returncode, result.stdout) == (0, "v1.0 has the same migrations: its tests ran on this schema already.\n")


def test_on_a_schema_that_expands_the_old_tests_pass(repository: Clone, servers: Servers) -> None:
    migrate(repository, "ALTER TABLE accounts ADD COLUMN colour text")

    result = old_tests(repository, servers)

    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout


def test_on_a_schema_that_contracts_too_early_they_fail(repository: Clone, servers: Servers) -> None:
    migrate(repository, "ALTER TABLE accounts RENAME COLUMN full_name TO called")

    result = old_tests(repository, servers)

    assert result.returncode == 1
    assert 'column "full_name"' in result.stdout
