"""Without these, one process takes in more than it can answer, and nobody gets anything."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api import guards
from services.runtime import database as runtime_database
from tests.support.api import Client
from tests.support.database import Database
from tests.support.problems import assert_problem
from tests.support.settings import Where
from tests.support.unplugged import NOWHERE, serving

SLOWLY = {"Content-Type": "application/json", "Idempotency-Key": "k1"}


async def stay(_: AsyncConnection) -> None:
    await asyncio.Event().wait()


async def test_more_requests_than_can_be_answered_are_refused_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "IN_FLIGHT_MAX", 2)

    async with serving(Where(database_url=database.url), database_pool_size="1") as (client, parts):
        sitting = asyncio.create_task(parts.resources.database.transact(stay))
        waiting = [asyncio.create_task(client.availability("TEE")) for _ in range(2)]
        await asyncio.sleep(0.1)  # they wait for the one connection
        refused = await client.availability("TEE")
        alive = await client.http.get("/livez")
        are_waiting = not any(task.done() for task in waiting)
        sitting.cancel()
        await asyncio.wait([sitting, *waiting])
        answered = await client.availability("TEE")

    assert are_waiting
    assert assert_problem(refused, 503, "overloaded")["retryable"]
    assert (alive.status_code, answered.status_code) == (200, 200)


async def test_more_than_can_wait_for_the_database_are_refused_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_database, "POOL_QUEUE_MAX", 1)

    async with serving(Where(database_url=database.url), database_pool_size="1") as (client, parts):
        sitting = asyncio.create_task(parts.resources.database.transact(stay))
        await asyncio.sleep(0.1)  # it has the connection
        waiting = asyncio.create_task(client.availability("TEE"))
        await asyncio.sleep(0.1)  # it has the place in the queue
        refused = await client.availability("MUG")  # not TEE: whoever asks for the same waits for the one who reads it
        is_waiting = not waiting.done()
        sitting.cancel()
        await asyncio.wait([sitting, waiting])
        answered = await client.availability("TEE")

    assert is_waiting
    assert_problem(refused, 503, "overloaded")
    assert answered.status_code == 200


async def test_a_body_that_is_still_coming_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "IN_FLIGHT_MAX", 1)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        begun.set()
        yield b"{"
        await go_on.wait()
        yield b"}"

    async with serving(NOWHERE) as (client, _):
        sending = asyncio.create_task(client.http.post("/v1/reservations", content=slowly(), headers=SLOWLY))
        await begun.wait()
        meanwhile = await client.http.get("/openapi.json")
        go_on.set()
        sent = await sending

    assert meanwhile.status_code == 200
    assert sent.status_code == 401


async def test_a_token_of_four_kib_is_looked_at_and_a_larger_one_is_not(unplugged_nobody: Client) -> None:
    fits = await unplugged_nobody.http.get("/v1/stock", headers={"Authorization": "Bearer " + "x" * 4_089})
    larger = await unplugged_nobody.http.get("/v1/stock", headers={"Authorization": "Bearer " + "x" * 4_090})

    assert_problem(fits, 401, "unauthenticated")
    assert_problem(larger, 431, "headers_too_large")
