"""Without these, what the driver runs by itself is not tried again, keeps a connection that is lost, or says what nobody may read."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import RETRIES_MAX, Contention, DatabaseUnavailable, StatementTooLong, open_database
from services.runtime.database import Database as OurDatabase
from services.runtime.direct import Direct, Written, within
from services.runtime.errors import Conflict, Refusal
from services.runtime.trips import count_trips
from tests.support.database import Database
from tests.support.fault_proxy import fault_proxy
from tests.support.settings import Where, settings

_ONE = Written(text("SELECT 1"))
_PID = Written(text("SELECT pg_backend_pid()"))
_SLEEP = Written(text("SELECT pg_sleep(5)"))
_TROUBLE = Written(text("SELECT meet_trouble(:code)"))
_NOTE = Written(text("INSERT INTO notes VALUES (:n, :said) RETURNING n"))


@pytest_asyncio.fixture
async def notes(database: Database) -> Database:
    await database.do("CREATE TABLE notes (n int PRIMARY KEY, said text)")
    await database.do("CREATE SEQUENCE tries")
    await database.do("""CREATE FUNCTION meet_trouble(code text) RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN PERFORM nextval('tries'); EXECUTE format('DO $b$ BEGIN RAISE SQLSTATE %L; END $b$', code); END $$""")
    return database


@pytest_asyncio.fixture
async def single(database: Database) -> AsyncIterator[OurDatabase]:
    """With one connection."""
    async with open_database(settings(Where(database_url=database.url), database_pool_size="1"), application="tests") as ours:
        yield ours


async def meet_trouble(direct: Direct, code: str) -> None:
    await direct.all(_TROUBLE, code=code)


async def _tries(database: Database) -> int:
    [(tries,)] = await database.rows("SELECT last_value FROM tries")
    return int(tries)


@pytest.mark.parametrize(
    ("code", "refusal", "tries"),
    [
        *((code, Contention, 1 + RETRIES_MAX) for code in ("40P01", "40001", "55P03")),
        ("57014", StatementTooLong, 1),
        *((code, DatabaseUnavailable, 1) for code in ("57P01", "08006", "53300")),
    ],
)
async def test_trouble_is_told_as_in_a_transaction(
    ours: OurDatabase, notes: Database, code: str, refusal: type[Refusal], tries: int
) -> None:
    with pytest.raises(refusal):
        await ours.direct(meet_trouble, code)

    assert await _tries(notes) == tries


async def test_a_bug_is_not_tried_again_and_quotes_no_row(ours: OurDatabase, notes: Database) -> None:
    async def note_twice(direct: Direct) -> None:
        for _ in range(2):
            await direct.all(_NOTE, n=1, said="me@example.com")

    with pytest.raises(asyncpg.UniqueViolationError) as error:
        await ours.direct(note_twice)

    assert error.value.detail is None
    assert await notes.rows("SELECT n, said FROM notes") == [(1, "me@example.com")]


async def test_a_connection_that_is_lost_is_not_used_again(single: OurDatabase, database: Database) -> None:
    async def lose(direct: Direct) -> None:
        [[pid]] = await direct.all(_PID)
        await database.do(f"SELECT pg_terminate_backend({pid})")
        await direct.all(_PID)

    with pytest.raises(DatabaseUnavailable):
        await single.direct(lose)
    assert await single.direct(lambda direct: direct.one(_PID)) is not None


@pytest_asyncio.fixture
async def lingering(database: Database) -> AsyncIterator[OurDatabase]:
    """One connection, to a server whose end is not heard of."""
    async with fault_proxy(database.url) as proxy:
        proxy.close_delay_seconds = 60
        async with open_database(settings(Where(database_url=proxy.url), database_pool_size="1"), application="tests") as ours:
            yield ours
            await proxy.reset()


async def _pid(connection: Direct | AsyncConnection) -> int:
    if isinstance(connection, Direct):
        [[pid]] = await connection.all(_PID)
    else:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    return int(pid)


@pytest.mark.parametrize("way", ["direct", "transact"])
async def test_a_server_that_goes_and_has_not_hung_up_yet_is_unavailable(lingering: OurDatabase, database: Database, way: str) -> None:
    run = getattr(lingering, way)
    await database.do(f"SELECT pg_terminate_backend({await run(_pid)}, 5000)")

    with pytest.raises(DatabaseUnavailable):
        await run(_pid)
    assert await run(_pid)


async def test_a_plan_that_a_migration_made_stale_is_made_again(single: OurDatabase, notes: Database) -> None:
    every = Written(text("SELECT * FROM notes"))
    assert await single.direct(lambda direct: direct.all(every)) == []

    await notes.do("ALTER TABLE notes ADD at int DEFAULT 7")
    await notes.do("INSERT INTO notes VALUES (1, 'a')")

    assert list(map(tuple, await single.direct(lambda direct: direct.all(every)))) == [(1, "a", 7)]


async def test_behind_a_pooler_no_statement_keeps_its_name(database: Database) -> None:
    chosen = settings(
        Where(database_url=database.url), direct_database_url=f"{database.url}?application_name=direct", database_pool_size="1"
    )
    assert chosen.has_pooler
    async with open_database(chosen, application="tests") as ours:
        assert await ours.direct(lambda direct: direct.one(_ONE)) is not None
        named = await ours.direct(lambda direct: direct.all(Written(text("SELECT name FROM pg_prepared_statements WHERE name <> ''"))))

    assert named == []


@pytest.mark.parametrize("code", ["57P03", "57P01", "53300"])
async def test_a_server_that_lets_nobody_in_is_unavailable(code: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fields = f"SFATAL\0C{code}\0Mnot now\0\0".encode()
        await reader.read(1_000)  # it asks for encryption first
        writer.write(b"N")
        await reader.read(1_000)
        writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        async with open_database(settings(Where(database_url=f"postgresql://me@127.0.0.1:{port}/x")), application="tests") as ours:
            with pytest.raises(DatabaseUnavailable):
                await ours.direct(lambda direct: direct.one(_PID))


async def test_a_refusal_costs_no_connection(single: OurDatabase) -> None:
    class Shut(Conflict):
        code, title = "shut", "Shut"

    seen = []

    async def look_and_refuse(direct: Direct) -> None:
        seen.append((await direct.all(_PID))[0][0])
        raise Shut("come back tomorrow")

    for _ in range(2):
        with pytest.raises(Shut):
            await single.direct(look_and_refuse)

    assert len(seen) == 2
    assert len(set(seen)) == 1


async def test_what_a_statement_needs_and_does_not_get_is_a_bug(ours: OurDatabase, notes: Database) -> None:
    with pytest.raises(KeyError):
        await ours.direct(lambda direct: direct.all(_NOTE, n=1))

    assert await notes.rows("SELECT n FROM notes") == []


async def test_work_that_is_cancelled_leaves_no_connection_that_is_busy(single: OurDatabase) -> None:
    asleep = asyncio.Event()

    async def sleep(direct: Direct) -> None:
        asleep.set()
        await direct.all(_SLEEP)

    sleeping = asyncio.create_task(single.direct(sleep))
    await asleep.wait()
    sleeping.cancel()
    await asyncio.wait([sleeping])

    async with asyncio.timeout(2):
        assert await single.direct(lambda direct: direct.one(_ONE)) is not None


async def test_each_statement_is_counted(ours: OurDatabase) -> None:
    before, trips = ours.round_trips, count_trips()

    await ours.direct(lambda direct: direct.one(_ONE))

    assert ours.round_trips - before == trips.database == 1


async def test_before_a_transaction_has_begun_nothing_is_part_of_it(ours: OurDatabase) -> None:
    with pytest.raises(ValueError, match="no transaction"):
        await ours.transact(within)


async def test_within_a_transaction_it_is_part_of_it(ours: OurDatabase, notes: Database) -> None:
    async def note_and_fail(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO notes VALUES (1, 'a')"))
        await (await within(connection)).all(_NOTE, n=2, said="b")
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await ours.transact(note_and_fail)

    assert await notes.rows("SELECT n FROM notes") == []
