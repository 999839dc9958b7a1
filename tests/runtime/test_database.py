"""Without these, a deadlock is the customer's problem, a bug is tried three times, or half a unit of work stays."""

import asyncio
from time import monotonic

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import (
    RETRIES_MAX,
    Contention,
    DatabaseUnavailable,
    PoolExhausted,
    StatementTooLong,
    open_database,
)
from services.runtime.database import Database as OurDatabase
from services.runtime.errors import Conflict
from tests.support.database import Database
from tests.support.settings import Where, settings
from tests.support.together import together


class Work:
    """A unit of work that writes a row and then meets trouble, as often as it is told to."""

    def __init__(self, *, failures: int, sqlstate: str) -> None:
        self.tries = 0
        self._failures = failures
        self._sqlstate = sqlstate

    async def __call__(self, connection: AsyncConnection) -> int:
        self.tries += 1
        await connection.execute(text("INSERT INTO notes VALUES (:n)"), {"n": self.tries})
        if self.tries <= self._failures:
            await connection.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{self._sqlstate}'; END $$"))
        return self.tries


@pytest.fixture
async def notes(database: Database) -> Database:
    await database.do("CREATE TABLE notes (n int)")
    return database


@pytest.mark.parametrize("sqlstate", ["40P01", "40001", "55P03"])
async def test_work_that_may_be_tried_again_is_run_again_from_the_start(ours: OurDatabase, notes: Database, sqlstate: str) -> None:
    work = Work(failures=2, sqlstate=sqlstate)

    assert await ours.transact(work) == 3

    assert await notes.rows("SELECT n FROM notes") == [(3,)]


async def test_work_that_never_succeeds_is_given_up(ours: OurDatabase, notes: Database) -> None:
    work = Work(failures=99, sqlstate="40P01")

    with pytest.raises(Contention):
        await ours.transact(work)

    assert work.tries == 1 + RETRIES_MAX
    assert await notes.rows("SELECT n FROM notes") == []


async def test_after_the_window_nothing_is_tried_again(ours: OurDatabase, notes: Database) -> None:
    tries = 0

    async def wait_for_the_row(connection: AsyncConnection) -> None:
        nonlocal tries
        tries += 1
        await connection.execute(text("SELECT * FROM notes FOR UPDATE"))

    await notes.do("INSERT INTO notes VALUES (1)")
    async with notes.transaction() as other:
        await other.execute("SELECT * FROM notes FOR UPDATE")
        started = monotonic()
        with pytest.raises(Contention):
            await ours.transact(wait_for_the_row)

    assert tries == 2  # at 0.0 and 0.4 s; the third would end after more than a second
    assert 0.8 < monotonic() - started < 1.2


@pytest.mark.parametrize("sqlstate", ["23505", "22012", "P0001", "42601"])
async def test_a_bug_is_not_tried_again(ours: OurDatabase, notes: Database, sqlstate: str) -> None:
    work = Work(failures=99, sqlstate=sqlstate)

    with pytest.raises(DBAPIError):
        await ours.transact(work)

    assert work.tries == 1
    assert await notes.rows("SELECT n FROM notes") == []


async def test_an_errors_text_does_not_quote_what_was_sent(ours: OurDatabase) -> None:
    async def fail(connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT CAST(:address AS text) || 1 / :zero"), {"address": "me@example.com", "zero": 0})

    with pytest.raises(DBAPIError) as error:
        await ours.transact(fail)

    assert "me@example.com" not in str(error.value)


async def test_a_refusal_rolls_back_and_is_not_tried_again(ours: OurDatabase, notes: Database) -> None:
    class Shut(Conflict):
        code, title = "shut", "Shut"

    async def refuse(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO notes VALUES (1)"))
        raise Shut("come back tomorrow")

    with pytest.raises(Shut):
        await ours.transact(refuse)

    assert await notes.rows("SELECT n FROM notes") == []


async def test_a_commit_that_fails_raises_and_stores_nothing(ours: OurDatabase, notes: Database) -> None:
    await notes.do("ALTER TABLE notes ADD CONSTRAINT each_once UNIQUE (n) DEFERRABLE INITIALLY DEFERRED")
    ended = False

    async def write_twice(connection: AsyncConnection) -> None:
        nonlocal ended
        await connection.execute(text("INSERT INTO notes VALUES (1), (1)"))
        ended = True

    with pytest.raises(DBAPIError, match="each_once"):
        await ours.transact(write_twice)

    assert ended
    assert await notes.rows("SELECT n FROM notes") == []


async def test_a_statement_on_autocommit_is_a_transaction_of_its_own(ours: OurDatabase, notes: Database) -> None:
    async def write_then_fail(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO notes VALUES (1)"))
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await ours.autocommit(write_then_fail)

    assert await notes.rows("SELECT n FROM notes") == [(1,)]


async def test_a_statement_on_autocommit_is_tried_again_too(ours: OurDatabase) -> None:
    work = Work(failures=1, sqlstate="40001")

    async def without_the_note(connection: AsyncConnection) -> int:
        await connection.execute(text("CREATE TEMPORARY TABLE IF NOT EXISTS notes (n int)"))
        return await work(connection)

    assert await ours.autocommit(without_the_note) == 2


async def test_our_time_limits_are_in_force(ours: OurDatabase) -> None:
    async def limits(connection: AsyncConnection) -> list[str]:
        names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "application_name")
        return [str((await connection.execute(text(f"SHOW {name}"))).scalar_one()) for name in names]

    assert await ours.autocommit(limits) == ["400ms", "5s", "10s", "tests"]


async def test_a_statement_that_takes_too_long_is_an_overload(ours: OurDatabase) -> None:
    async def dawdle(connection: AsyncConnection) -> None:
        await connection.execute(text("SET LOCAL statement_timeout = '20ms'"))
        await connection.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(StatementTooLong):
        await ours.transact(dawdle)


async def test_who_waits_for_a_connection_is_refused_before_the_caller_has_gone(database: Database) -> None:
    async with open_database(settings(Where(database_url=database.url), database_pool_size="1"), application="tests") as ours:

        async def ask_for_a_second(_: AsyncConnection) -> None:
            await ours.transact(ask_for_a_second)

        started = monotonic()
        with pytest.raises(PoolExhausted):
            await ours.transact(ask_for_a_second)

    assert 0.4 < monotonic() - started < 2


async def test_who_waits_for_a_connection_is_next_however_often_others_ask(database: Database) -> None:
    async with open_database(settings(Where(database_url=database.url), database_pool_size="1"), application="tests") as ours:
        served = []

        async def ask(who: str, *, times: int) -> None:
            for _ in range(times):
                await ours.autocommit(lambda connection: connection.execute(text("SELECT 1")))
                served.append(who)

        await together(ask("once", times=1), ask("often", times=5))

    assert served.index("once") <= 1


@pytest.mark.parametrize("sqlstate", ["57P01", "08006", "53300"])
async def test_a_database_that_goes_away_is_unavailable(ours: OurDatabase, notes: Database, sqlstate: str) -> None:
    work = Work(failures=99, sqlstate=sqlstate)

    with pytest.raises(DatabaseUnavailable):
        await ours.transact(work)

    assert work.tries == 1  # whether the work was done is unknown: only whoever sent it can send it again
    assert await notes.rows("SELECT n FROM notes") == []


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    async with open_database(settings(Where(database_url="postgresql://me@127.0.0.1:1/none")), application="tests") as ours:
        with pytest.raises(DatabaseUnavailable):
            await ours.transact(Work(failures=0, sqlstate=""))


@pytest.mark.parametrize("lost", [asyncpg.InterfaceError, asyncpg.ConnectionDoesNotExistError, asyncpg.AdminShutdownError])
async def test_a_connection_that_is_lost_while_it_is_made_is_unavailable(ours: OurDatabase, lost: type[Exception]) -> None:
    async def as_seen_in_the_pool(_: AsyncConnection) -> None:
        raise lost("connection is closed")  # the driver's own: SQLAlchemy translates only what a statement raises

    with pytest.raises(DatabaseUnavailable):
        await ours.transact(as_seen_in_the_pool)


async def test_work_that_is_cancelled_gives_its_connection_back(database: Database) -> None:
    async with open_database(settings(Where(database_url=database.url), database_pool_size="1"), application="tests") as ours:
        asleep = asyncio.Event()

        async def sleep(connection: AsyncConnection) -> None:
            asleep.set()
            await connection.execute(text("SELECT pg_sleep(5)"))

        sleeping = asyncio.create_task(ours.transact(sleep))
        await asleep.wait()
        sleeping.cancel()
        await asyncio.wait([sleeping])

        async with asyncio.timeout(2):
            assert await ours.transact(lambda connection: connection.scalar(text("SELECT 1"))) == 1
