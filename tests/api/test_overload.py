"""Without these, a database that is slow, full or gone takes every client down with it, or is blamed on the client."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import Role
from services.inventory.accounts.passwords import AT_ONCE, WAITING_MAX
from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.eventually import until_blocked
from tests.support.people import People
from tests.support.problems import assert_problem, nothing_changes
from tests.support.settings import Where
from tests.support.statements import statements
from tests.support.together import together
from tests.support.unplugged import NOWHERE, serving


async def test_without_a_database_every_answer_is_to_come_back_later(people: People) -> None:
    person = await people.join(Role.STAFF)
    async with serving(NOWHERE, token=person.token) as (client, _):
        answers = [
            await client.place(line("TEE")),
            await client.confirm(str(person.account_id)),
            await client.reservation(str(person.account_id)),
            await client.availability("TEE"),
            await client.levels(),
            await client.create_product("TEE"),
            await client.adjust("TEE", "AMS", 1),
            await client.http.post("/v1/auth/token", data={"username": person.email, "password": person.password}),
        ]
        alive = await client.http.get("/livez")

    for answer in answers:
        assert assert_problem(answer, 503, "unavailable")["retryable"]
        assert answer.headers["Retry-After"] == "1"
    assert alive.status_code == 200


async def test_who_cannot_get_a_connection_is_told_at_once(database: Database) -> None:
    taken = asyncio.Event()

    async def sit(_: AsyncConnection) -> None:
        taken.set()
        await asyncio.Event().wait()

    async with serving(Where(database_url=database.url), database_pool_size="1") as (client, parts):
        sitting = asyncio.create_task(parts.resources.database.transact(sit))
        await taken.wait()
        async with asyncio.timeout(2):
            refused = await client.availability("TEE")
        sitting.cancel()
        await asyncio.wait([sitting])
        answered = await client.availability("TEE")

    assert assert_problem(refused, 503, "overloaded")["retryable"]
    assert refused.headers["Retry-After"] == "1"
    assert answered.status_code == 200


async def test_more_passwords_than_can_be_checked_are_refused_at_once(people: People, database: Database) -> None:
    person = await people.join()
    async with serving(Where(database_url=database.url)) as (client, parts):
        busy = [asyncio.create_task(parts.passwords.hash("x")) for _ in range(AT_ONCE + WAITING_MAX)]
        await asyncio.sleep(0)  # they stand in the queue, which is now full
        with pytest.raises(Exception, match="too many passwords"):
            await parts.passwords.hash("x")
        await asyncio.gather(*busy)
        answer = await client.http.post("/v1/auth/token", data={"username": person.email, "password": person.password})

    assert answer.status_code == 200


async def test_those_who_are_refused_a_sign_in_cost_the_database_nothing(nobody: Client, people: People) -> None:
    person = await people.join()
    form = {"username": person.email, "password": person.password}

    with statements() as said:
        answers = await together(*(nobody.http.post("/v1/auth/token", data=form) for _ in range(50)))

    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) == 50 - AT_ONCE - WAITING_MAX
    assert assert_problem(refused[0], 503, "overloaded")["retryable"]
    assert sum("password_hash" in statement and "FOR" not in statement for statement in said) == AT_ONCE + WAITING_MAX


async def test_a_row_that_somebody_sits_on_is_contention(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    reservation = (await customer.place(line("TEE"))).json()["id"]

    async with database.transaction() as other:
        await other.execute("SELECT * FROM stock_levels FOR UPDATE")
        async with nothing_changes(database):
            answers = await asyncio.gather(customer.place(line("TEE")), customer.confirm(reservation), staff.adjust("TEE", "AMS", 1))

    for answer in answers:
        assert assert_problem(answer, 503, "contention")["retryable"]


async def test_a_row_that_is_let_go_in_time_is_no_trouble(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with database.transaction() as other:
        await other.execute("SELECT * FROM stock_levels FOR UPDATE")
        placing = asyncio.create_task(customer.place(line("TEE")))
        await until_blocked(database, within_seconds=2)

    assert (await placing).status_code == 201


async def test_a_key_whose_first_request_is_still_running_is_in_progress(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    reservation = (await customer.place(line("TEE"))).json()["id"]
    assert customer.person

    async with database.transaction() as other:
        await other.execute("INSERT INTO idempotency_keys (account_id, key, fingerprint) VALUES ($1, 'k1', '')", customer.person.account_id)
        async with nothing_changes(database):
            answers = await asyncio.gather(customer.place(line("TEE"), key="k1"), customer.confirm(reservation, key="k1"))

    for answer in answers:
        assert assert_problem(answer, 409, "idempotency_in_progress")["retryable"]
        assert answer.headers["Retry-After"] == "1"
