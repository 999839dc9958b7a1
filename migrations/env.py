"""Run migrations: each in a transaction of its own, under a lock that lets any number of replicas start at once.

The lock is polled on a session of its own. Waiting inside `pg_advisory_lock` would hold a snapshot for which a concurrent
index build waits, which in turn holds the lock: a deadlock. The session must reach PostgreSQL itself and not a pooler.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from migrations.schema import EVERYTHING
from services.runtime.database import sqlstate
from services.runtime.readiness import newest_migration
from services.runtime.settings import load_settings

LOCK_KEY = 0x401DFA57  # any number that no one else uses
LOCK_POLL_SECONDS = 0.2
LOCK_WAIT_SECONDS_MAX = 300
# A statement that waits for a table lock makes everybody queue behind it; two seconds is what readers can bear.
SET_TIMEOUTS = ("SET lock_timeout = '2s'", "SET statement_timeout = 0")
LOCK_NOT_AVAILABLE = "55P03"
LOCK_PAUSE_SECONDS = 5  # who queued behind us goes first, and finds the table free most of the time
LOCK_TRIES_MAX = 8  # 51 s: a transaction of ours is over after 15 (services/runtime/engine.py), and anybody else can be asked to end his


async def migrate() -> None:
    url = load_settings().direct_url
    engine = create_async_engine(url, poolclass=NullPool)
    async with _alone(engine), engine.connect() as connection:
        for statement in SET_TIMEOUTS:
            await connection.execute(text(statement))
        await connection.commit()
        await _until_tables_are_free(connection)


async def _until_tables_are_free(connection: AsyncConnection) -> None:
    """Each migration that is through stays; the one that met a table in use is tried again from its beginning."""
    for tries_left in reversed(range(LOCK_TRIES_MAX)):
        try:
            await connection.run_sync(_run)
            return
        except DBAPIError as error:
            if sqlstate(error) != LOCK_NOT_AVAILABLE or not tries_left:
                raise
            print(f"a table is in use; {tries_left} more tries", file=sys.stderr)
        await connection.rollback()
        await asyncio.sleep(LOCK_PAUSE_SECONDS)


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=EVERYTHING, transaction_per_migration=True)
    schema = context.get_context().get_current_revision()
    connection.rollback()
    if schema is not None and schema > newest_migration():
        print(f"the schema is {schema}, of a release after this one, which runs on it as it is", file=sys.stderr)
        return
    with context.begin_transaction():
        context.run_migrations()


@asynccontextmanager
async def _alone(engine: AsyncEngine) -> AsyncIterator[None]:
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as session:
        await _poll_lock(session)
        yield  # closing the session gives the lock back, also when we are killed


async def _poll_lock(session: AsyncConnection) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS_MAX
    while not (await session.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_KEY})).scalar_one():
        if time.monotonic() > deadline:
            raise TimeoutError(f"another migration has been running for {LOCK_WAIT_SECONDS_MAX} s")
        await asyncio.sleep(LOCK_POLL_SECONDS)


def _print() -> None:
    """Write the SQL of the migrations for psql, for those who let a person or a linter read it first."""
    context.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},  # any other would double each percent sign
        literal_binds=True,
        transaction_per_migration=True,
    )
    for statement in SET_TIMEOUTS:
        context.execute(statement)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    _print()
else:
    asyncio.run(migrate())
