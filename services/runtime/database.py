"""PostgreSQL: one unit of work is one call.

`transact` opens a transaction, runs the whole command, commits, and only then returns: no answer leaves before its
commit. When PostgreSQL asks for another try it runs the whole command again, so a command must hold no state of its own.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Concatenate, ParamSpec, TypeVar

import asyncpg
import orjson
from sqlalchemy import MetaData, event
from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.runtime.errors import Overloaded, Refusal, Unavailable
from services.runtime.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

metadata = MetaData()  # every table of the product; migrations compare it with the database

LOCK_TIMEOUT_MS = 400  # below deadlock_timeout (1 s), so that a retry still fits
STATEMENT_TIMEOUT_MS = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000
COMMAND_TIMEOUT_SECONDS = 6  # our own deadline, for a server that hangs: the statement's plus one second
POOL_WAIT_SECONDS = 0.9  # a burst passes within a second; a longer queue would only hide that we are overloaded
POOL_QUEUE_MAX = 128  # what a pool of five serves in a third of a second; with a longer queue everybody waits in vain
CONNECTION_WAIT_SECONDS = 0.95  # the same with connecting, where the pool has to: a server that hangs is no longer waited for
RECYCLE_SECONDS = 1_800

RETRIES_MAX = 3
RETRY_WINDOW_SECONDS = 0.5  # a try that begins by then and waits for a lock still ends within a second
RETRY_WAIT_SECONDS = 0.02

_ANOTHER_TRY = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock timeout
_STATEMENT_TOO_LONG = "57014"
_NO_ANSWER = (
    *(ConnectionError, TimeoutError, socket.gaierror),  # refused, reset, silent, or no such host
    *(asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError),  # gone while SQLAlchemy greets it
)
_CONNECTION_CLASSES = ("08", "53", "57P")  # connection failed, too many connections, server shutting down or starting


class Contention(Unavailable):
    code = "contention"
    title = "Too many at once"
    transient = True

    def __init__(self) -> None:
        super().__init__("too many requests want the same rows at this moment; nothing was changed, try again")


class PoolExhausted(Overloaded):
    def __init__(self) -> None:
        super().__init__("every connection to the database is busy; try again shortly")


class StatementTooLong(Overloaded):
    def __init__(self) -> None:
        super().__init__("the database did not finish in time, and nothing was changed; try again shortly")


class DatabaseUnavailable(Unavailable):
    def __init__(self) -> None:
        super().__init__("the database cannot be reached at this moment; try again, with the same Idempotency-Key if you sent one")


class Database:
    """Where units of work run."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._queue_length = 0

    async def transact(self, command: Callable[Concatenate[AsyncConnection, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the command in one transaction and return its result once that has committed.

        A deadlock, a serialization failure, a lock timeout or a stale plan runs it again from the start, at most three
        times and only while the last try would end within a second. Raises what the command refuses with, Contention, Overloaded or
        DatabaseUnavailable; nothing was changed then, except that a commit cut off half-way may have happened.
        """

        async def attempt() -> T:
            async with self._connect(self._engine) as connection, connection.begin():
                return await command(connection, *args, **kwargs)

        return await _with_retries(attempt)

    async def autocommit(self, statement: Callable[Concatenate[AsyncConnection, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run statements that are transactions of their own: reads, or a function such as `reserve`.

        One round trip for each, no BEGIN and no COMMIT. Retries and raises as `transact` does.
        """

        async def attempt() -> T:
            async with self._connect(self._autocommit) as connection:
                return await statement(connection, *args, **kwargs)

        return await _with_retries(attempt)

    @asynccontextmanager
    async def _connect(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A connection of the pool, if there is one in time."""
        if self._queue_length >= POOL_QUEUE_MAX:
            raise PoolExhausted
        self._queue_length += 1
        try:
            async with asyncio.timeout(CONNECTION_WAIT_SECONDS):
                connection = await engine.connect().start()
        finally:
            self._queue_length -= 1
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def open_database(settings: Settings, *, application: str) -> AsyncIterator[Database]:
    """A pool of connections that closes with the context; nothing connects before the first use."""
    engine = create_async_engine(
        settings.pooled_url,
        connect_args=_connect_arguments(settings, application),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
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
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


def _refuse_closed(connection: DBAPIConnection, *_: object) -> None:
    """After a restart of PostgreSQL the pool replaces what it has, instead of answering with one error for each. No round trip."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _hang_up(context: ExceptionContext) -> None:
    """On a server that does not answer, at once: SQLAlchemy would ask it to roll back and wait for that as long again."""
    driver = context.connection.connection.driver_connection if context.connection is not None else None
    if driver is not None and isinstance(context.original_exception, _NO_ANSWER):
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


async def _with_retries(attempt: Callable[[], Awaitable[T]]) -> T:
    started, tries = monotonic(), 0
    while True:
        try:
            return await attempt()
        except (Refusal, DBAPIError, PoolTimeout, *_NO_ANSWER) as error:
            refusal = error if isinstance(error, Refusal) else _refusal(error)
            if refusal is None:
                _forget_row(error)
                raise
            tries += 1
            if not refusal.transient or tries > RETRIES_MAX or monotonic() - started >= RETRY_WINDOW_SECONDS:
                raise refusal from (None if refusal is error else error)
        await asyncio.sleep(random.uniform(0, RETRY_WAIT_SECONDS * 2**tries))  # noqa: S311  # jitter, not a secret


def _refusal(error: Exception) -> Refusal | None:
    """What a failure of the database means to the caller; None for a failure that is a bug of ours."""
    if isinstance(error, PoolTimeout):
        return PoolExhausted()
    if not isinstance(error, DBAPIError):  # one of _NO_ANSWER
        return DatabaseUnavailable()
    state = sqlstate(error)
    if state in _ANOTHER_TRY or type(error.orig).__name__ == "InvalidCachedStatementError":
        return Contention()
    if state == _STATEMENT_TOO_LONG:
        return StatementTooLong()
    if error.connection_invalidated or state.startswith(_CONNECTION_CLASSES):
        return DatabaseUnavailable()
    return None


def _forget_row(error: Exception) -> None:
    """PostgreSQL's DETAIL quotes the row that it refused, and the error is going into the log."""
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig is not None else None
    if isinstance(cause, asyncpg.PostgresError):
        cause.detail = None


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's five-character error code, or an empty string where the driver itself failed."""
    return getattr(error.orig, "sqlstate", None) or ""


def constraint_name(error: DBAPIError) -> str | None:
    """The name of the constraint that refused the write; stores turn it into the feature's own refusal."""
    cause = error.orig.__cause__ if error.orig is not None else None
    return getattr(cause, "constraint_name", None)
