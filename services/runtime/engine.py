"""Connections to PostgreSQL, each with time limits: a server that hangs and a row that is locked are not waited for."""

import socket

import asyncpg
import orjson
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.runtime.settings import Settings

LOCK_TIMEOUT_MS = 400  # below deadlock_timeout (1 s), so that a retry still fits
STATEMENT_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000
COMMAND_TIMEOUT_SECONDS = 6  # our own deadline, for a server that hangs: the statement's plus one second
RECYCLE_SECONDS = 1_800

NO_ANSWER = (
    *(ConnectionError, TimeoutError, socket.gaierror),  # refused, reset, silent, or no such host
    *(asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError),  # gone while SQLAlchemy greets it
)


def make_engine(settings: Settings, application: str) -> AsyncEngine:
    """A pool that nobody has used yet; `application` is its name in pg_stat_activity."""
    engine = create_async_engine(
        settings.pooled_url,
        connect_args=_connect_arguments(settings, application),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_use_lifo=True,  # a quiet service keeps few connections warm, instead of all of them lukewarm
        pool_recycle=RECYCLE_SECONDS,
        skip_autocommit_rollback=True,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        echo=settings.sql == "on",
        hide_parameters=True,  # an error's text goes into the log; addresses and hashes must not
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "handle_error", _hang_up)
    return engine


def _refuse_closed(connection: DBAPIConnection, *_: object) -> None:
    """After a restart of PostgreSQL the pool replaces what it has, instead of answering with one error for each. No round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _hang_up(context: ExceptionContext) -> None:
    """On a server that does not answer, at once: SQLAlchemy would ask it to roll back and wait for that as long again."""
    driver = context.connection.connection.driver_connection if context.connection is not None else None
    if driver is not None and isinstance(context.original_exception, NO_ANSWER):
        driver.terminate()
        context.is_disconnect = True


def _connect_arguments(settings: Settings, application: str) -> dict[str, object]:
    arguments: dict[str, object] = {"command_timeout": COMMAND_TIMEOUT_SECONDS}
    if settings.has_pooler:
        # A pooler hands one session to many of us: no statement names of our own, no start-up parameters.
        return arguments | {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return arguments | {
        "server_settings": {
            "application_name": application,
            "lock_timeout": str(LOCK_TIMEOUT_MS),
            "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
            "jit": "off",  # our statements are short; compiling them would take longer than running them
        }
    }
