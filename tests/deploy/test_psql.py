"""Without this, the commands on the page about the database work only where somebody has installed PostgreSQL."""

import subprocess

from tests.deploy.clone import Clone

SQL = """
    CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
    COPY (SELECT 'products: ' || (count(*) > 0) FROM products) TO STDOUT;
    COPY (SELECT 'statements: ' || (count(*) > 0) FROM pg_stat_statements) TO STDOUT;
"""


def test_psql_runs_what_is_piped_in(stack: Clone) -> None:
    command, environment = stack.command("psql"), {**stack.environment, "PATH": "/nowhere"}
    done = subprocess.run(command, cwd=stack.root, env=environment, input=SQL, capture_output=True, text=True, check=False, timeout=30)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["CREATE EXTENSION", "products: true", "statements: true"]
