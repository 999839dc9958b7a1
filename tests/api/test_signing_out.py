"""Without these, a device that was lost stays signed in, or signing out signs out somebody else."""

import uuid

import pytest

from tests.support.api import Api, Client
from tests.support.database import Database
from tests.support.devices import Device, sign_in
from tests.support.people import People, Person
from tests.support.problems import assert_problem


@pytest.fixture
async def person(people: People) -> Person:
    return await people.join()


@pytest.fixture
async def device(api: Api, person: Person) -> Device:
    return await sign_in(api, person)


async def end_reasons(database: Database) -> list[str | None]:
    return [reason for (reason,) in await database.rows("SELECT end_reason FROM sessions ORDER BY created_at")]


async def test_signing_out_ends_one_session_and_can_be_repeated(api: Api, person: Person, device: Device, database: Database) -> None:
    other = await sign_in(api, person)

    answers = [await device.sign_out(), await device.sign_out(), await device.sign_out("unknown")]

    assert [answer.status_code for answer in answers] == [204, 204, 204]
    assert await end_reasons(database) == ["logout", None]
    assert_problem(await device.refresh(), 401, "unauthenticated")
    await other.rotate()


async def test_an_older_token_of_a_session_signs_it_out_too(device: Device, database: Database) -> None:
    older = device.refresh_token
    await device.rotate()

    assert (await device.sign_out(older)).status_code == 204
    assert await end_reasons(database) == ["logout"]


async def test_signing_out_everywhere_ends_every_session_of_ones_own(api: Api, people: People, person: Person, database: Database) -> None:
    devices = [await sign_in(api, person) for _ in range(3)]
    bystander = await sign_in(api, await people.join())

    assert (await devices[0].http.post("/v1/auth/logout-all")).status_code == 204

    assert await end_reasons(database) == ["logout_all"] * 3 + [None]
    answers = [await device.refresh() for device in devices]
    assert [answer.status_code for answer in answers] == [401] * 3
    await bystander.rotate()


async def test_an_odd_user_agent_is_kept_as_far_as_it_can_be(api: Api, person: Person, device: Device) -> None:
    for agent in (b"x" * 5_000, b"a\0b", b"\xff", b""):
        await sign_in(api, person, agent)

    assert [session["user_agent"] for session in await device.sessions()] == [None, "\xff", "ab", "x" * 300, "tests"]


async def test_the_list_of_sessions_is_ones_own_devices(api: Api, people: People, person: Person, nobody: Client) -> None:
    phone = await sign_in(api, person, b"phone")
    laptop = await sign_in(api, person, b"laptop")
    stranger = await sign_in(api, await people.join())
    await phone.rotate()

    seen = await phone.sessions()

    assert [(session["user_agent"], session["is_current"]) for session in seen] == [("phone", True), ("laptop", False)]
    assert seen[0].keys() == {"id", "ip", "user_agent", "created_at", "last_used_at", "expires_at", "is_current"}
    not_there = [
        await stranger.http.delete(f"/v1/auth/sessions/{seen[1]['id']}"),
        await phone.http.delete(f"/v1/auth/sessions/{uuid.uuid4()}"),
    ]
    for answer in not_there:
        assert_problem(answer, 404, "not_found")
    assert (await phone.http.delete(f"/v1/auth/sessions/{seen[1]['id']}")).status_code == 204
    assert_problem(await phone.http.delete(f"/v1/auth/sessions/{seen[1]['id']}"), 404, "not_found")
    assert len(await phone.sessions()) == 1
    assert (await laptop.refresh()).status_code == 401
    assert_problem(await nobody.http.get("/v1/auth/sessions"), 401, "unauthenticated")
