"""PostgreSQL: one unit of work is one call.

`transact` opens a transaction, runs the whole command, commits, and only then returns: no answer leaves before its
commit. When PostgreSQL asks for another try it runs the whole command again, so a command must hold no state of its own.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Concatenate, ParamSpec, TypeVar, cast

import asyncpg
from sqlalchemy import AsyncAdaptedQueuePool, MetaData, PoolProxiedConnection, event
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.runtime.direct import Direct
from services.runtime.engine import NO_ANSWER, make_engine
from services.runtime.errors import Overloaded, Refusal, Unavailable
from services.runtime.metrics import Histogram
from services.runtime.settings import Settings
from services.runtime.trips import current_trips

P = ParamSpec("P")
T = TypeVar("T")

metadata = MetaData()  # every table of the product; migrations compare it with the database

POOL_QUEUE_MAX = 256  # at 770 a second, which is little for five connections, a third of a second; who waits longer than a second has gone
# For a turn and, where it has to be, for connecting: a burst passes within a second, and a server that hangs is no longer waited for.
CONNECTION_WAIT_SECONDS = 0.9

RETRIES_MAX = 3
RETRY_WINDOW_SECONDS = 0.5  # a try that begins by then and waits for a lock still ends within a second
RETRY_WAIT_SECONDS = 0.02

_ANOTHER_TRY = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock timeout
_STATEMENT_TOO_LONG = "57014"
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
    """Where units of work run. Counts what it does in plain numbers, for the metrics."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.waiting = 0  # units of work without a connection yet
        self.waited = Histogram()
        self.round_trips = 0
        self.retries = 0
        self._engine = engine
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        # The pool gives what comes back to whoever asks next, before those who wait: some of them would wait in vain.
        self._turns = asyncio.Semaphore(self.connections_max)
        event.listen(engine.sync_engine, "before_cursor_execute", self._count_statement)

    @property
    def connections(self) -> Mapping[str, int]:
        """Of the pool, by what they do at the moment."""
        pool = cast(AsyncAdaptedQueuePool, self._engine.pool)
        return {"in_use": pool.checkedout(), "idle": pool.checkedin()}

    @property
    def connections_max(self) -> int:
        return cast(AsyncAdaptedQueuePool, self._engine.pool).size()

    async def transact(self, command: Callable[Concatenate[AsyncConnection, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the command in one transaction and return its result once that has committed.

        A deadlock, a serialization failure, a lock timeout or a stale plan runs it again from the start, at most three
        times and only while the last try would end within a second. Raises what the command refuses with, Contention, Overloaded or
        DatabaseUnavailable; nothing was changed then, except that a commit cut off half-way may have happened.
        """

        async def attempt() -> T:
            async with self._connect(self._engine) as connection, connection.begin():
                self._count_trips(2)  # BEGIN, and COMMIT or ROLLBACK
                return await command(connection, *args, **kwargs)

        return await self._with_retries(attempt)

    async def autocommit(self, statement: Callable[Concatenate[AsyncConnection, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run statements that are transactions of their own, most of them reads.

        One round trip for each, no BEGIN and no COMMIT. Retries and raises as `transact` does.
        """

        async def attempt() -> T:
            async with self._connect(self._autocommit) as connection:
                return await statement(connection, *args, **kwargs)

        return await self._with_retries(attempt)

    async def direct(self, query: Callable[Concatenate[Direct, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run statements on the driver itself, each a transaction of its own: a read, or a function such as `reserve`.

        As `autocommit` does, in a third of its time. Retries and raises as `transact` does.
        """

        async def attempt() -> T:
            borrowed = await self._take_turn(self._check_out)
            direct = Direct(borrowed.driver_connection)
            try:
                return await query(direct, *args, **kwargs)
            finally:
                self._give_back(borrowed, direct)

        return await self._with_retries(attempt)

    async def _with_retries(self, attempt: Callable[[], Awaitable[T]]) -> T:
        started, tries = monotonic(), 0
        while True:
            try:
                return await attempt()
            except (Refusal, DBAPIError, asyncpg.PostgresError, *NO_ANSWER) as error:
                refusal = error if isinstance(error, Refusal) else _refusal(error)
                if refusal is None:
                    _forget_row(error)
                    raise
                tries += 1
                if not refusal.transient or tries > RETRIES_MAX or monotonic() - started >= RETRY_WINDOW_SECONDS:
                    raise refusal from (None if refusal is error else error)
            self.retries += 1
            await asyncio.sleep(random.uniform(0, RETRY_WAIT_SECONDS * 2**tries))  # noqa: S311  # jitter, not a secret

    @asynccontextmanager
    async def _connect(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        connection = await self._take_turn(lambda: engine.connect().start())
        try:
            yield connection
        finally:
            try:
                await connection.close()
            finally:
                self._turns.release()

    def _give_back(self, borrowed: PoolProxiedConnection, direct: Direct) -> None:
        self.round_trips += direct.round_trips
        try:
            if direct.is_unanswered:
                borrowed.invalidate()
            borrowed.close()
        finally:
            self._turns.release()

    async def _check_out(self) -> PoolProxiedConnection:
        try:
            return await self._engine.raw_connection()
        except AsyncAdapt_asyncpg_dbapi.Error as error:  # SQLAlchemy's word for what the driver raised while it connected
            raise error.__cause__ or error from error

    async def _take_turn(self, connect: Callable[[], Awaitable[T]]) -> T:
        """A connection of the pool, if there is one in time. Who has waited longest is next. Whoever gives it back releases the turn."""
        if self.waiting >= POOL_QUEUE_MAX:
            raise PoolExhausted
        self.waiting += 1
        asked_at, has_turn = monotonic(), False
        try:
            async with asyncio.timeout(CONNECTION_WAIT_SECONDS):
                has_turn = await self._turns.acquire()
                return await connect()
        except BaseException as error:
            if has_turn:
                self._turns.release()
            elif isinstance(error, TimeoutError):
                raise PoolExhausted from None
            raise
        finally:
            self.waiting -= 1
            self.waited.observe(monotonic() - asked_at)

    def _count_statement(self, *_: object) -> None:
        self._count_trips(1)

    def _count_trips(self, trips: int) -> None:
        self.round_trips += trips
        current_trips().database += trips


@asynccontextmanager
async def open_database(settings: Settings, *, application: str) -> AsyncIterator[Database]:
    """A pool of connections that closes with the context; nothing connects before the first use."""
    engine = make_engine(settings, application)
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


def _refusal(error: Exception) -> Refusal | None:
    """What a failure of the database means to the caller; None for a failure that is a bug of ours."""
    state = sqlstate(error)
    if state in _ANOTHER_TRY or type(_cause(error)).__name__ == "InvalidCachedStatementError":
        return Contention()
    if state == _STATEMENT_TOO_LONG:
        return StatementTooLong()
    is_lost = error.connection_invalidated if isinstance(error, DBAPIError) else isinstance(error, NO_ANSWER)
    return DatabaseUnavailable() if is_lost or state.startswith(_CONNECTION_CLASSES) else None


def _cause(error: Exception) -> object:
    """The driver's error, in the words of SQLAlchemy's adapter where that has seen it."""
    return error.orig if isinstance(error, DBAPIError) else error


def _of_driver(error: Exception) -> BaseException | None:
    """What the driver itself raised, which has all that PostgreSQL said."""
    return error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig is not None else error


def _forget_row(error: Exception) -> None:
    """PostgreSQL's DETAIL quotes the row that it refused, and the error is going into the log."""
    if isinstance(cause := _of_driver(error), asyncpg.PostgresError):
        cause.detail = None


def sqlstate(error: Exception) -> str:
    """PostgreSQL's five-character error code, or an empty string where the driver itself failed."""
    return getattr(_cause(error), "sqlstate", None) or ""


def constraint_name(error: Exception) -> str | None:
    """The name of the constraint that refused the write; stores turn it into the feature's own refusal."""
    return getattr(_of_driver(error), "constraint_name", None)
