"""Without these, a stolen token works for as long as its thief likes, or its owner is signed out for a lost answer."""

import hashlib
import uuid

import pytest

from services.inventory.accounts.sessions import RefreshTokens
from tests.support.api import Api
from tests.support.database import Database
from tests.support.devices import Device, sign_in
from tests.support.people import People, Person
from tests.support.problems import assert_problem
from tests.support.settings import Where, settings
from tests.support.together import together

OPEN = "SELECT count(*) FROM sessions WHERE ended_at IS NULL"


@pytest.fixture
async def person(people: People) -> Person:
    return await people.join()


@pytest.fixture
async def device(api: Api, person: Person) -> Device:
    return await sign_in(api, person)


async def set_back(database: Database, what: str, seconds: float) -> None:
    """Let time pass, for tokens that were used or for sessions."""
    table, column = what.split(".")
    await database.do(f"UPDATE {table} SET {column} = {column} - interval '{seconds} s'")  # noqa: S608


async def end_reasons(database: Database) -> list[str | None]:
    return [reason for (reason,) in await database.rows("SELECT end_reason FROM sessions ORDER BY created_at")]


async def owner_of(database: Database, device: Device) -> uuid.UUID:
    found = "SELECT account_id FROM sessions JOIN refresh_tokens USING (session_id) WHERE token_hash = $1"
    [(account_id,)] = await database.rows(found, hashlib.sha256(device.refresh_token.encode()).digest())
    assert isinstance(account_id, uuid.UUID)
    return account_id


async def test_a_device_stays_signed_in(device: Device, database: Database) -> None:
    seen = {device.refresh_token}
    for _ in range(3):
        await device.rotate()
        seen.add(device.refresh_token)
        assert await device.is_let_in()

    assert len(seen) == 4
    assert await database.rows("SELECT number, used_at IS NULL FROM refresh_tokens ORDER BY number") == [
        (1, False),
        (2, False),
        (3, False),
        (4, True),
    ]


async def test_who_lost_the_answer_gets_it_again(device: Device, database: Database) -> None:
    first = (await device.refresh()).json()
    await set_back(database, "refresh_tokens.used_at", 9)

    again = await device.refresh()

    assert again.status_code == 200
    assert again.json()["refresh_token"] == first["refresh_token"]
    device.take(again.json())
    await device.rotate()
    assert await database.rows(OPEN) == [(1,)]


async def test_a_token_that_is_used_again_later_ends_the_session_though_the_answer_is_401(device: Device, database: Database) -> None:
    stolen = device.refresh_token
    await device.rotate()
    await set_back(database, "refresh_tokens.used_at", 11)

    assert_problem(await device.refresh(stolen), 401, "unauthenticated")

    assert await end_reasons(database) == ["reuse"]
    assert_problem(await device.refresh(), 401, "unauthenticated")
    [(session_id, account_id)] = await database.rows("SELECT session_id, account_id FROM sessions")
    audited = "SELECT outcome, actor_id, subject_id FROM audit_events WHERE action = 'session.reuse'"
    assert await database.rows(audited) == [("denied", None, session_id)]
    told = "SELECT entity_id, facts->>'account_id', facts->>'session_id' FROM outbox WHERE name = 'session.reused'"
    assert await database.rows(told) == [(session_id, str(account_id), str(session_id))]


async def test_the_owner_of_a_session_that_was_ended_is_told_once(device: Device, database: Database) -> None:
    stolen = device.refresh_token
    await device.rotate()
    await set_back(database, "refresh_tokens.used_at", 11)

    for _ in range(3):
        await device.refresh(stolen)

    assert await database.rows("SELECT count(*) FROM outbox WHERE name = 'session.reused'") == [(1,)]


async def test_the_token_before_the_last_but_one_is_never_a_lost_answer(device: Device, database: Database) -> None:
    stolen = device.refresh_token
    await device.rotate()
    await device.rotate()

    assert_problem(await device.refresh(stolen), 401, "unauthenticated")

    assert await end_reasons(database) == ["reuse"]


async def test_of_twenty_who_refresh_at_once_all_get_the_same_token(device: Device, database: Database) -> None:
    answers = await together(*(device.refresh() for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    [successor] = {answer.json()["refresh_token"] for answer in answers}
    assert await database.rows(OPEN) == [(1,)]
    assert await database.rows("SELECT count(*) FROM refresh_tokens") == [(2,)]
    assert (await device.refresh(successor)).status_code == 200


async def test_a_thief_of_one_device_ends_no_other(api: Api, person: Person, device: Device, database: Database) -> None:
    other = await sign_in(api, person)
    stolen = device.refresh_token
    await device.rotate()
    await device.rotate()

    await device.refresh(stolen)

    assert await end_reasons(database) == ["reuse", None]
    await other.rotate()


@pytest.mark.parametrize(("what", "days_left"), [("sessions.expires_at", 90), ("sessions.last_used_at", 30)])
async def test_a_session_ends_by_the_clock(device: Device, database: Database, what: str, days_left: int) -> None:
    await set_back(database, what, days_left * 86_400 - 60)
    assert len(await device.sessions()) == 1
    await set_back(database, what, 60)

    assert_problem(await device.refresh(), 401, "unauthenticated")

    assert await device.sessions() == []
    assert await database.rows("SELECT count(*) FROM outbox") == [(0,)]


async def test_using_a_session_does_not_make_it_last_longer_than_90_days(device: Device, database: Database) -> None:
    before = await database.rows("SELECT expires_at - created_at BETWEEN interval '89.99 days' AND interval '90.01 days' FROM sessions")
    [(expires_at,)] = await database.rows("SELECT expires_at FROM sessions")

    await device.rotate()

    assert before == [(True,)]
    assert await database.rows("SELECT expires_at FROM sessions") == [(expires_at,)]


async def test_one_answer_for_every_token_that_gets_nothing(device: Device, api: Api, people: People, database: Database) -> None:
    ended, disabled, over, reused = [await sign_in(api, await people.join()) for _ in range(4)]
    await ended.sign_out()
    await database.do("UPDATE accounts SET is_disabled = true WHERE account_id = $1", await owner_of(database, disabled))
    await database.do("UPDATE sessions SET expires_at = clock_timestamp() WHERE account_id = $1", await owner_of(database, over))
    stolen = reused.refresh_token
    await reused.rotate()
    await reused.rotate()
    successor = RefreshTokens(settings(Where(database_url=database.url))).after(device.refresh_token)  # of the next answer

    answers = [
        await device.refresh(token)
        for token in (
            "x",
            "é",
            "x" * 200,
            device.access_token[:200],
            device.refresh_token[:-1],
            device.refresh_token.swapcase(),
            successor,
            ended.refresh_token,
            disabled.refresh_token,
            over.refresh_token,
            stolen,
            reused.refresh_token,
        )
    ]

    problems = [assert_problem(answer, 401, "unauthenticated") for answer in answers]
    assert len({tuple(sorted((problem | {"request_id": ""}).items())) for problem in problems}) == 1
    assert await device.is_let_in()


async def test_what_nobody_gave_is_not_written_into_the_trail(device: Device, database: Database) -> None:
    before = await database.rows("SELECT count(*) FROM audit_events")

    for _ in range(3):
        await device.refresh(uuid.uuid4().hex)
        await device.sign_out(uuid.uuid4().hex)

    assert await database.rows("SELECT count(*) FROM audit_events") == before
