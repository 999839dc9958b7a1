"""Without these, a fault test may prove nothing: the fault never happened, or happened at another moment."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.database import Database
from tests.support.fault_proxy import FaultProxy, fault_proxy


@pytest_asyncio.fixture
async def seats(empty_database: Database) -> Database:
    await empty_database.do("CREATE TABLE seats (label text UNIQUE)")
    await empty_database.do(
        "CREATE FUNCTION take(wanted text) RETURNS int LANGUAGE sql AS $$ INSERT INTO seats VALUES (wanted) RETURNING 1 $$"
    )
    return empty_database


@pytest_asyncio.fixture
async def proxy(seats: Database) -> AsyncIterator[FaultProxy]:
    async with fault_proxy(seats.url) as between:
        yield between


async def test_a_commit_is_done_while_its_answer_is_withheld(proxy: FaultProxy, seats: Database) -> None:
    engine = create_async_engine(proxy.url.replace("postgresql://", "postgresql+asyncpg://"))
    withheld = proxy.withhold_answer_to("^COMMIT")

    async def buy() -> None:
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO seats VALUES ('A1')"))

    buying = asyncio.create_task(buy())
    async with asyncio.timeout(5):
        await withheld.answered.wait()

    assert await seats.rows("SELECT label FROM seats") == [("A1",)]
    assert not withheld.failed
    assert not buying.done()
    withheld.released.set()
    await buying
    await engine.dispose()


async def test_a_function_that_commits_itself_is_done_while_its_answer_is_withheld(proxy: FaultProxy, seats: Database) -> None:
    client = await asyncpg.connect(proxy.url)
    assert await client.fetchval("SELECT take($1)", "A1") == 1  # the second call sends no text, only the statement's name
    withheld = proxy.withhold_answer_to(r"\btake\(")

    taking = asyncio.create_task(client.fetchval("SELECT take($1)", "A2"))
    async with asyncio.timeout(5):
        await withheld.answered.wait()

    assert await seats.rows("SELECT label FROM seats ORDER BY label") == [("A1",), ("A2",)]
    assert not taking.done()
    withheld.released.set()
    assert await taking == 1
    await client.close()


async def test_a_withheld_refusal_is_told_from_success(proxy: FaultProxy, seats: Database) -> None:
    await seats.do("INSERT INTO seats VALUES ('A1')")
    client = await asyncpg.connect(proxy.url)
    withheld = proxy.withhold_answer_to(r"\btake\(")

    taking = asyncio.create_task(client.fetchval("SELECT take($1)", "A1"))
    async with asyncio.timeout(5):
        await withheld.answered.wait()

    assert withheld.failed
    withheld.released.set()
    with pytest.raises(asyncpg.UniqueViolationError):
        await taking
    await client.close()


async def test_only_the_statement_that_was_named_is_withheld(proxy: FaultProxy) -> None:
    client = await asyncpg.connect(proxy.url)
    withheld = proxy.withhold_answer_to("^COMMIT")

    assert await client.fetchval("SELECT count(*) FROM seats") == 0

    assert not withheld.answered.is_set()
    await client.close()


async def test_a_client_that_dies_waiting_is_gone_for_the_server_too(proxy: FaultProxy) -> None:
    client = await asyncpg.connect(proxy.url)
    withheld = proxy.withhold_answer_to(r"\btake\(")
    taking = asyncio.create_task(client.fetchval("SELECT take('A1')"))
    await withheld.answered.wait()

    client.terminate()

    with pytest.raises((asyncpg.PostgresConnectionError, ConnectionError)):
        await taking
    again = await asyncpg.connect(proxy.url)
    assert await again.fetchval("SELECT label FROM seats") == "A1"
    await again.close()


async def test_a_hanging_server_takes_the_question_and_answers_once_it_goes_on(proxy: FaultProxy) -> None:
    client = await asyncpg.connect(proxy.url)

    proxy.hang()
    asking = asyncio.create_task(client.fetchval("SELECT 1"))
    done, _ = await asyncio.wait([asking], timeout=0.1)
    proxy.resume()

    assert not done
    assert await asking == 1
    await client.close()


async def test_a_slow_network_delays_each_way(proxy: FaultProxy) -> None:
    client = await asyncpg.connect(proxy.url)
    await client.fetchval("SELECT 1")
    proxy.latency_seconds = 0.05
    loop = asyncio.get_running_loop()

    started = loop.time()
    await client.execute("SELECT 1")

    assert loop.time() - started >= 0.1
    proxy.latency_seconds = 0
    await client.close()


async def test_a_reset_breaks_what_is_open_and_a_refusal_what_would_open(proxy: FaultProxy) -> None:
    client = await asyncpg.connect(proxy.url)

    await proxy.reset()
    proxy.refuse()

    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError)):
        await client.fetchval("SELECT 1")
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(proxy.url)
    await proxy.listen()
    await (await asyncpg.connect(proxy.url)).close()
