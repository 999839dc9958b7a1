"""Without these, somebody who was shut out goes on until their token ends, or in one process out of two."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.inventory.accounts.model import Role
from tests.support.api import Api, open_api
from tests.support.database import Database
from tests.support.devices import Device, sign_in
from tests.support.eventually import eventually
from tests.support.fault_proxy import fault_proxy
from tests.support.people import People, Person
from tests.support.problems import assert_problem
from tests.support.settings import Where
from tests.support.statements import statements
from tests.support.unplugged import serving

WITHIN_SECONDS = 1


@pytest.fixture
async def other_api(database: Database, people: People) -> AsyncIterator[Api]:
    """The same app once more, which knows nothing that the first one was told."""
    async with open_api(database, people) as opened:
        yield opened


@pytest.fixture
async def person(people: People) -> Person:
    return await people.join()


@pytest.fixture
async def device(api: Api, person: Person) -> Device:
    return await sign_in(api, person)


@pytest.fixture
async def twin(other_api: Api, device: Device) -> Device:
    """The same device, as the other API sees it."""
    there = Device((await other_api.client()).http, "", "")
    there.take({"access_token": device.access_token, "refresh_token": device.refresh_token})
    assert await there.is_let_in()
    return there


async def both_refuse(device: Device, twin: Device) -> None:
    async with asyncio.TaskGroup() as group:
        for one in (device, twin):
            group.create_task(eventually(one.is_shut_out, within_seconds=WITHIN_SECONDS))


async def test_a_reused_token_ends_its_access_tokens_everywhere(device: Device, twin: Device) -> None:
    stolen = device.refresh_token
    for _ in range(2):
        device.take((await device.refresh()).json())
    assert await device.is_let_in()

    await device.refresh(stolen)

    await both_refuse(device, twin)


async def test_signing_out_ends_the_access_tokens_of_this_session_alone(api: Api, person: Person, device: Device, twin: Device) -> None:
    other = await sign_in(api, person)

    await device.sign_out()

    await both_refuse(device, twin)
    assert await other.is_let_in()


async def test_ending_a_session_ends_its_access_tokens(api: Api, person: Person, device: Device, twin: Device) -> None:
    other = await sign_in(api, person)
    [session_id] = [session["id"] for session in await device.sessions() if session["is_current"]]

    assert (await other.http.delete(f"/v1/auth/sessions/{session_id}")).status_code == 204

    await both_refuse(device, twin)
    assert await other.is_let_in()


async def test_signing_out_everywhere_ends_them_all_and_lets_one_in_again(api: Api, person: Person, device: Device, twin: Device) -> None:
    await device.http.post("/v1/auth/logout-all")

    again = await sign_in(api, person)
    await both_refuse(device, twin)
    assert await again.is_let_in()


async def test_a_disabled_account_is_shut_out(api: Api, person: Person, device: Device, twin: Device) -> None:
    admin = await api.admin()

    assert (await admin.http.patch(f"/v1/accounts/{person.account_id}", json={"disabled": True})).status_code == 200

    await both_refuse(device, twin)
    assert_problem(await device.refresh(), 401, "unauthenticated")


async def test_another_role_counts_at_once_and_nobody_is_signed_out(api: Api, people: People, other_api: Api) -> None:
    member, admin = await people.join(Role.STAFF), await api.admin()
    here, there = await sign_in(api, member), await sign_in(other_api, member)
    assert (await here.http.get("/v1/stock")).status_code == 200

    await admin.http.patch(f"/v1/accounts/{member.account_id}", json={"role": "customer"})

    await both_refuse(here, there)
    await here.rotate()
    assert_problem(await here.http.get("/v1/stock"), 403, "forbidden")
    assert (await here.http.get("/v1/me")).json()["role"] == "customer"


async def test_a_changed_password_ends_every_session_but_the_one_that_changed_it(
    api: Api, person: Person, device: Device, twin: Device
) -> None:
    here = await sign_in(api, person)
    body = {"current_password": person.password, "new_password": "four words are a password"}

    assert (await here.http.post("/v1/auth/change-password", json=body)).status_code == 204

    await both_refuse(device, twin)
    assert await here.is_let_in()
    await here.rotate()


async def test_a_hundred_requests_cost_no_query_of_ours(device: Device) -> None:
    assert await device.is_let_in()

    with statements() as said:
        for _ in range(100):
            await device.is_let_in()

    about_access = [statement for statement in said if "signing_keys" in statement or "revocations" in statement]
    assert len(about_access) <= 20  # two for each half second that this took
    assert len(said) - len(about_access) == 100  # the account, which the route is about


async def test_two_processes_shut_somebody_out_within_a_second(api_processes: Api, people: People) -> None:
    device = await sign_in(api_processes, await people.join())
    clients = [(await api_processes.client()).http for _ in range(8)]  # each has connections of its own, to either process
    for http in clients:
        http.headers["Authorization"] = f"Bearer {device.access_token}"
    assert {(await http.get("/v1/me")).status_code for http in clients} == {200}

    await device.sign_out()

    async def are_all_shut_out() -> bool:
        return {answer.status_code for answer in await asyncio.gather(*(http.get("/v1/me") for http in clients * 4))} == {401}

    await eventually(are_all_shut_out, within_seconds=2)  # a second, and the thirty-two requests of a busy machine


async def test_who_cannot_know_says_so_and_a_stranger_is_served_as_before(people: People, database: Database) -> None:
    person = await people.join()
    async with serving(Where(database_url=database.url), token=person.token) as (client, _), database.transaction() as other:
        await other.execute("LOCK TABLE revocations")
        refused = await client.http.get("/v1/products")
        del client.http.headers["Authorization"]
        served = await client.http.get("/v1/products")

    assert assert_problem(refused, 503, "contention")["retryable"]
    assert served.status_code == 200


async def test_a_database_that_goes_away_is_503_and_all_is_well_when_it_is_back(people: People, database: Database) -> None:
    person = await people.join()
    async with fault_proxy(database.url) as proxy, serving(Where(database_url=proxy.url), token=person.token) as (client, _):
        before = await client.http.get("/v1/me")
        proxy.refuse()
        await proxy.reset()

        async def answers(status: int) -> bool:
            answer = await client.http.get("/v1/me")
            assert answer.status_code in {200, 503}, answer.text
            return answer.status_code == status

        await eventually(lambda: answers(503), within_seconds=5)
        assert_problem(await client.http.get("/v1/products"), 503, "unavailable")
        await proxy.listen()
        await eventually(lambda: answers(200), within_seconds=5)

    assert before.status_code == 200
