"""Without these, nobody can tell who did it, or whoever did it can wipe the trail."""

import uuid
from datetime import datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from services.inventory.accounts.audit import DENIALS_PER_MINUTE_MAX
from tests.support.api import Api, Client, Json
from tests.support.database import Database
from tests.support.devices import sign_in
from tests.support.people import People
from tests.support.problems import assert_problem

PATH = "/v1/audit-events"
MEMBERS = {"event_id", "action", "outcome", "actor_id", "subject_id", "ip", "request_id", "created_at", "details"}


async def trail(admin: Client, **filters: str) -> list[Json]:
    answer = await admin.http.get(PATH, params=filters)
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["items"]
    return items


async def test_who_signs_in_or_fails_to_is_written_down(api: Api, people: People, admin: Client, database: Database) -> None:
    person, disabled = await people.join(), await people.join()
    await database.do("UPDATE accounts SET is_disabled = true WHERE account_id = $1", disabled.account_id)
    device = await sign_in(api, person)
    answers = [
        await device.http.post("/v1/auth/token", data={"username": email, "password": password})
        for email, password in ((person.email, "wrong"), ("nobody@example.com", "wrong"), (disabled.email, disabled.password))
    ]

    events = await trail(admin, action="session.sign_in")

    assert events[0].keys() == MEMBERS
    [session_id] = [session["id"] for session in await device.sessions()]
    told = [(event["outcome"], event["actor_id"], event["subject_id"]) for event in reversed(events)]
    assert told == [
        ("success", str(person.account_id), session_id),
        ("failure", None, str(person.account_id)),
        ("failure", None, None),
        ("failure", None, str(disabled.account_id)),
    ]
    assert [event["request_id"] for event in reversed(events[:-1])] == [answer.headers["X-Request-ID"] for answer in answers]
    assert {event["ip"] for event in events} == {"127.0.0.1"}


async def test_what_was_refused_is_written_down_though_nothing_else_was(customer: Client, admin: Client) -> None:
    assert customer.person
    answer = await customer.create_product("TEE")
    assert answer.status_code == 403

    [event] = await trail(admin, actor=str(customer.person.account_id), action="permission.use")

    assert (event["outcome"], event["details"]) == ("denied", {"permission": "catalog:write"})
    assert event["request_id"] == answer.headers["X-Request-ID"]


async def test_a_denial_stays_a_denial_though_it_cannot_be_written_down(customer: Client, database: Database) -> None:
    assert customer.person
    async with database.transaction() as other:
        await other.execute("LOCK TABLE audit_events IN EXCLUSIVE MODE")
        with capture_logs() as lines:
            answer = await customer.create_product("TEE")

    assert_problem(answer, 403, "forbidden")
    [told] = [line for line in lines if line["event"] == "audit.denial_not_written"]
    assert told.items() >= {"permission": "catalog:write", "account_id": str(customer.person.account_id)}.items()


@pytest.mark.parametrize(
    ("action", "actor", "age", "is_written"),
    [
        ("permission.use", "me", "59 s", False),
        ("permission.use", "me", "61 s", True),
        ("permission.use", "somebody else", "59 s", True),
        ("session.end", "me", "59 s", True),  # what was allowed hides nothing
    ],
)
async def test_who_is_denied_again_and_again_does_not_fill_the_trail(
    customer: Client, database: Database, *, action: str, actor: str, age: str, is_written: bool
) -> None:
    assert customer.person
    await database.do(
        "INSERT INTO audit_events (event_id, action, outcome, actor_id, created_at)"
        " SELECT gen_random_uuid(), $1, 'success', $2, now() - $3::text::interval FROM generate_series(1, $4)",
        *(action, customer.person.account_id if actor == "me" else uuid.uuid4(), age, DENIALS_PER_MINUTE_MAX),
    )

    assert_problem(await customer.create_product("TEE"), 403, "forbidden")

    assert await database.rows("SELECT count(*) FROM audit_events WHERE outcome = 'denied'") == [(int(is_written),)]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_events SET outcome = 'success'", "DELETE FROM audit_events", "TRUNCATE audit_events", "TRUNCATE audit_events, outbox"],
)
async def test_the_trail_cannot_be_changed(customer: Client, database: Database, statement: str) -> None:
    await customer.create_product("TEE")
    before = await database.rows("SELECT * FROM audit_events")
    assert before

    with pytest.raises(asyncpg.RaiseError):
        await database.do(statement)

    assert await database.rows("SELECT * FROM audit_events") == before


async def write(database: Database, *, action: str, actor_id: uuid.UUID, created_at: datetime) -> str:
    event_id = uuid.uuid4()
    insert = "INSERT INTO audit_events (event_id, action, outcome, actor_id, created_at) VALUES ($1, $2, 'success', $3, $4)"
    await database.do(insert, event_id, action, actor_id, created_at)
    return str(event_id)


async def test_the_trail_can_be_searched_by_actor_action_and_time(admin: Client, database: Database) -> None:
    [(now,)] = await database.rows("SELECT now()")
    ann, bob = uuid.uuid4(), uuid.uuid4()
    minutes = [now + timedelta(minutes=minute) for minute in range(4)]
    first = await write(database, action="session.end", actor_id=ann, created_at=minutes[0])
    second = await write(database, action="session.end", actor_id=bob, created_at=minutes[1])
    third = await write(database, action="account.disable", actor_id=ann, created_at=minutes[2])

    async def found(**filters: str) -> list[str]:
        return [event["event_id"] for event in await trail(admin, **filters) if event["event_id"] in {first, second, third}]

    assert await found() == [third, second, first]
    assert await found(actor=str(ann)) == [third, first]
    assert await found(action="session.end") == [second, first]
    assert await found(actor=str(ann), action="session.end") == [first]
    assert await found(**{"from": minutes[1].isoformat()}) == [third, second]
    assert await found(**{"from": minutes[0].isoformat(), "to": minutes[2].isoformat()}) == [second, first]
    assert await found(actor=str(uuid.uuid4())) == []


async def test_pages_show_every_event_once_and_stay_bound_to_their_filters(admin: Client, database: Database) -> None:
    [(now,)] = await database.rows("SELECT now()")
    actor = uuid.uuid4()
    written = [await write(database, action="session.end", actor_id=actor, created_at=now) for _ in range(5)]  # at one instant

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await admin.http.get(PATH, params={"actor": str(actor), "limit": "2", **cursor})).json()
        seen += [event["event_id"] for event in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert sorted(seen) == sorted(written)
    assert_problem(await admin.http.get(PATH, params={"limit": "2", **cursor}), 400, "bad_cursor")


async def test_a_filter_that_nobody_knows_is_refused(admin: Client) -> None:
    for filters in ({"action": "nonsense"}, {"actor": "x"}, {"from": "yesterday"}, {"outcome": "denied"}, {"limit": "201"}):
        assert_problem(await admin.http.get(PATH, params=filters), 422, "validation_error")
