"""Without these, a mail that died is gone for good, or is sent twice by two admins, and nobody knows who decided it."""

import uuid

import pytest
import pytest_asyncio

from services.inventory.notifications.model import FAILURES_MAX, failed, refused
from tests.races.gate import together_at_the_gate
from tests.support.api import Client, Json
from tests.support.database import Database
from tests.support.owed import CONFIRMED, Owed
from tests.support.problems import assert_problem, nothing_changes

PATH = "/v1/dead-letters"
MEMBERS = {"dead_letter_id", "kind", "reason", "attempts", "payload", "created_at", "state"}
NOBODY_TELLS = "LOCK TABLE audit_events IN SHARE MODE"  # whoever has decided waits here, the others for it
TRAIL = "SELECT action, outcome, actor_id, details FROM audit_events WHERE subject_id = $1 ORDER BY created_at"


@pytest_asyncio.fixture
async def dead(owed: Owed) -> Owed:
    """A mail that the server has refused for good."""
    await owed.ends(refused, "550 no such user")
    return owed


async def listed(admin: Client, **filters: str) -> list[Json]:
    answer = await admin.http.get(PATH, params=filters)
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["items"]
    return items


async def test_what_died_is_there_with_its_reason_and_every_attempt(admin: Client, owed: Owed) -> None:
    for n in range(FAILURES_MAX):
        await owed.ends(failed, f"failure {n}")

    [letter] = await listed(admin)

    assert (await admin.http.get(f"{PATH}/{owed.id}")).json() == letter
    assert letter.keys() == MEMBERS
    assert (letter["dead_letter_id"], letter["kind"], letter["state"]) == (str(owed.id), CONFIRMED, "dead")
    assert letter["reason"] == "failure 4"
    assert [attempt["error"] for attempt in letter["attempts"]] == [f"failure {n}" for n in range(FAILURES_MAX)]
    times = [attempt["at"] for attempt in letter["attempts"]]
    assert times == sorted(times)
    assert all(time.endswith("Z") for time in (*times, letter["created_at"]))
    assert letter["payload"].keys() == {"account_id", "reservation_id", "request_id"}


async def test_a_replay_is_due_at_once_with_all_attempts_before_it_and_its_history_kept(admin: Client, owed: Owed) -> None:
    for n in range(FAILURES_MAX):
        await owed.ends(failed, f"failure {n}")

    answer = await admin.http.post(f"{PATH}/{owed.id}/replay")

    assert answer.status_code == 202
    assert answer.json()["state"] == "replayed"
    assert await owed.row("state", "failures", "attempts", "due_at <= clock_timestamp()") == ("queued", 0, 5, True)
    await owed.ends(failed, "again")
    assert await owed.row("state", "failures") == ("queued", 1)
    assert await owed.errors() == [*(f"failure {n}" for n in range(FAILURES_MAX)), "again"]
    assert await listed(admin) == []
    assert [letter["reason"] for letter in await listed(admin, state="replayed")] == ["failure 4"]


async def test_replaying_twice_is_replaying_once_even_at_once(admin: Client, dead: Owed, database: Database) -> None:
    replays = (admin.http.post(f"{PATH}/{dead.id}/replay") for _ in range(4))
    answers = await together_at_the_gate(database, *replays, gate=NOBODY_TELLS, at_once=4)
    answers.append(await admin.http.post(f"{PATH}/{dead.id}/replay"))

    assert {answer.status_code for answer in answers} == {202}
    assert admin.person
    assert await database.rows(TRAIL, dead.id) == [("dead_letter.replay", "success", admin.person.account_id, f'{{"kind": "{CONFIRMED}"}}')]


async def test_a_replay_while_it_is_being_sent_leaves_that_attempt_alone(admin: Client, dead: Owed) -> None:
    await admin.http.post(f"{PATH}/{dead.id}/replay")
    await dead.begun()
    before = await dead.row("*")

    assert (await admin.http.post(f"{PATH}/{dead.id}/replay")).status_code == 202

    assert await dead.row("*") == before


async def test_what_dies_again_can_be_replayed_again(admin: Client, dead: Owed, database: Database) -> None:
    for n in range(2):
        await admin.http.post(f"{PATH}/{dead.id}/replay")
        await dead.ends(refused, f"550 still not {n}")

    [letter] = await listed(admin)

    assert letter["reason"] == "550 still not 1"
    assert len(await database.rows(TRAIL, dead.id)) == 2


async def test_what_is_discarded_is_never_sent_and_stays_to_be_read(admin: Client, dead: Owed, database: Database) -> None:
    for _ in range(2):
        answer = await admin.http.post(f"{PATH}/{dead.id}/discard")
        assert (answer.status_code, answer.content) == (204, b"")

    assert await dead.row("state") == ("dead",)
    assert await dead.comes_due() == []
    assert (await admin.http.get(f"{PATH}/{dead.id}")).json()["state"] == "discarded"
    assert await listed(admin) == []
    assert [action for action, *_ in await database.rows(TRAIL, dead.id)] == ["dead_letter.discard"]


async def test_the_first_decision_holds(admin: Client, dead: Owed, database: Database) -> None:
    await admin.http.post(f"{PATH}/{dead.id}/discard")
    async with nothing_changes(database):
        assert_problem(await admin.http.post(f"{PATH}/{dead.id}/replay"), 409, "dead_letter_discarded")

    await database.do("UPDATE notifications SET state = 'queued', due_at = now(), dead_letter_state = 'replayed'")
    async with nothing_changes(database):
        assert_problem(await admin.http.post(f"{PATH}/{dead.id}/discard"), 409, "dead_letter_replayed")
    assert len(await database.rows(TRAIL, dead.id)) == 1


async def test_of_two_decisions_at_once_one_is_made(admin: Client, dead: Owed, database: Database) -> None:
    decisions = (admin.http.post(f"{PATH}/{dead.id}/{decision}") for decision in ("replay", "discard"))
    answers = await together_at_the_gate(database, *decisions, gate=NOBODY_TELLS, at_once=2)

    assert sorted(answer.status_code for answer in answers) in ([202, 409], [204, 409])
    assert len(await database.rows(TRAIL, dead.id)) == 1


@pytest.mark.parametrize("request_line", ["GET {}", "POST {}/replay", "POST {}/discard"])
async def test_what_did_not_die_is_no_dead_letter(admin: Client, owed: Owed, database: Database, request_line: str) -> None:
    method, _, path = request_line.partition(" ")
    async with nothing_changes(database):
        for unknown in (owed.id, uuid.uuid4()):
            assert_problem(await admin.http.request(method, path.format(f"{PATH}/{unknown}")), 404, "not_found")
        assert_problem(await admin.http.request(method, path.format(f"{PATH}/nonsense")), 422, "validation_error")


async def test_pages_show_every_dead_letter_once(admin: Client, dead: Owed, database: Database) -> None:
    columns = "kind, account_id, state, due_at, dead_letter_state, died_at, death_reason"
    await database.do(
        f"INSERT INTO notifications (notification_id, event_id, {columns}) SELECT gen_random_uuid(), -n, {columns}"  # noqa: S608
        " FROM notifications, generate_series(1, 4) n"  # at one instant
    )

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await admin.http.get(PATH, params={"limit": "2", **cursor})).json()
        seen += [letter["dead_letter_id"] for letter in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert len(seen) == len(set(seen)) == 5
    assert str(dead.id) in seen
    assert_problem(await admin.http.get(PATH, params={"state": "discarded", "limit": "2", **cursor}), 400, "bad_cursor")
