"""Run migrations: each in a transaction of its own, under a lock that lets any number of replicas start at once.

The lock is polled on a session of its own. Waiting inside `pg_advisory_lock` would hold a snapshot for which a concurrent
index build waits, which in turn holds the lock: a deadlock. The session must reach PostgreSQL itself and not a pooler.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from migrations.schema import EVERYTHING
from services.runtime.settings import load_settings

LOCK_KEY = 0x401DFA57  # any number that no one else uses
LOCK_POLL_SECONDS = 0.2
LOCK_WAIT_SECONDS_MAX = 300
# A statement that waits for a table lock makes everybody queue behind it; two seconds is what readers can bear.
SET_TIMEOUTS = ("SET lock_timeout = '2s'", "SET statement_timeout = 0")


async def migrate() -> None:
    url = load_settings().direct_url
    engine = create_async_engine(url, poolclass=NullPool)
    async with _alone(engine), engine.connect() as connection:
        for statement in SET_TIMEOUTS:
            await connection.execute(text(statement))
        await connection.commit()
        await connection.run_sync(_run)


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=EVERYTHING, transaction_per_migration=True)
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
