"""Without these, a key is remembered for ever, and tables grow with what nobody can ask for."""

import pytest

from services.inventory.notifications.store import SENT_KEPT
from services.runtime.database import Database as OurDatabase
from services.runtime.housekeeping import BATCH
from services.runtime.outbox import HANDLED_KEPT
from services.worker.relay import tidy_once
from tests.support.api import Api, Client, line
from tests.support.database import Database
from tests.support.devices import sign_in
from tests.support.people import People
from tests.support.problems import assert_problem

_OF_A_KEY = (
    "INSERT INTO idempotency_keys SELECT account_id, 'k' || n, '', '{{}}', now() - interval '{age}'"
    " FROM accounts, generate_series(1, {rows}) n"
)
_OF_A_REVOCATION = "INSERT INTO revocations SELECT gen_random_uuid(), now() - interval '{age}' FROM generate_series(1, {rows})"
_OF_A_LINK = (
    "INSERT INTO mail_tokens SELECT sha256(n::text::bytea), account_id, 'verify_email', now() - interval '{age}'"
    " FROM accounts, generate_series(1, {rows}) n"
)
_OF_AN_EVENT = (
    "INSERT INTO outbox (name, entity_id, facts, done_at) SELECT 'x', gen_random_uuid(), '{{}}', now() - interval '{age}'"
    " FROM generate_series(1, {rows})"
)
_OF_A_MAIL = (
    "INSERT INTO notifications (notification_id, event_id, kind, account_id, state, sent_at)"
    " SELECT gen_random_uuid(), (SELECT count(*) FROM notifications) + n, 'x', account_id, 'sent', now() - interval '{age}'"
    " FROM accounts, generate_series(1, {rows}) n"
)


@pytest.mark.parametrize(
    ("table", "rows", "old", "young"),
    [
        ("idempotency_keys", _OF_A_KEY, "24 h 1 s", "23 h 59 min"),
        ("revocations", _OF_A_REVOCATION, "31 min", "29 min"),
        ("mail_tokens", _OF_A_LINK, "1 s", "-1 min"),
        ("outbox", _OF_AN_EVENT, "7 days 1 s", "6 days 23 h"),
        ("notifications", _OF_A_MAIL, "90 days 1 s", "89 days 23 h"),
    ],
)
async def test_what_is_over_goes_a_batch_at_a_time_and_what_is_not_stays(
    customer: Client, database: Database, *, ours: OurDatabase, table: str, rows: str, old: str, young: str
) -> None:
    assert customer.person
    await database.do(rows.format(age=old, rows=BATCH + 2))

    assert [await tidy_once(ours) for _ in range(3)] == [BATCH, 2, 0]

    await database.do(rows.format(age=young, rows=2))
    assert await tidy_once(ours) == 0
    assert await database.rows(f"SELECT count(*) FROM {table}") == [(2,)]  # noqa: S608


async def test_what_nobody_has_handled_and_what_died_is_never_forgotten(customer: Client, database: Database, ours: OurDatabase) -> None:
    assert customer.person
    await database.do(_OF_AN_EVENT.format(age="9 years", rows=1).replace(", done_at)", ", created_at)"))
    await database.do(_OF_A_MAIL.format(age="9 years", rows=3))
    await database.do("UPDATE notifications SET state = 'queued', sent_at = NULL, created_at = now() - interval '9 years'")
    await database.do(
        "UPDATE notifications SET state = 'dead', due_at = 'infinity', died_at = created_at, death_reason = '550',"
        " dead_letter_state = CASE event_id WHEN 1 THEN 'dead' ELSE 'discarded' END WHERE event_id < 3"
    )

    assert await tidy_once(ours) == 0


def test_an_event_is_forgotten_before_the_mail_about_it_so_that_it_is_not_told_twice() -> None:
    assert HANDLED_KEPT < SENT_KEPT


async def test_after_a_day_a_key_is_as_good_as_new(customer: Client, staff: Client, database: Database, ours: OurDatabase) -> None:
    await staff.stock("TEE", "AMS", 5)
    await customer.place(line("TEE"), key="k1")
    assert_problem(await customer.place(line("TEE", 2), key="k1"), 422, "idempotency_key_reused")
    await database.do("UPDATE idempotency_keys SET created_at = created_at - interval '1 day'")

    await tidy_once(ours)

    assert (await customer.place(line("TEE", 2), key="k1")).status_code == 201


async def test_a_session_that_was_idle_for_too_long_goes_with_its_tokens(
    api: Api, people: People, database: Database, ours: OurDatabase
) -> None:
    idle, used = await sign_in(api, await people.join()), await sign_in(api, await people.join())
    await idle.rotate()
    await database.do(
        "UPDATE sessions SET last_used_at = now() - interval '30 days 1 s'"
        " WHERE session_id IN (SELECT session_id FROM refresh_tokens WHERE number = 2)"
    )

    assert [await tidy_once(ours) for _ in range(2)] == [1, 0]

    assert await database.rows("SELECT count(DISTINCT session_id), count(*) FROM refresh_tokens") == [(1, 1)]
    assert await used.is_let_in()
    await used.rotate()
