"""Without these, a mail that can never be composed takes the others with it, or an outage is taken for the mail's own fault."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from functools import partial

import pytest
import pytest_asyncio

from services.inventory.notifications.model import FAILURES_MAX
from services.worker.child import close_child, open_child
from services.worker.tasks.email import send
from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.delivery import Deliver, end_leases
from tests.support.fault_proxy import fault_proxy
from tests.support.mail import Mails
from tests.support.members import forget
from tests.support.people import People
from tests.support.post import Post, text_of, token_in
from tests.support.settings import Where, settings

# A kind that no template knows, as a release that was rolled back leaves behind.
_UNKNOWN_KIND = "UPDATE notifications SET kind = 'reservation.gift_wrapped' WHERE reservation_id = $1"
_ROWS = "SELECT state, attempts, failures, last_error FROM notifications ORDER BY event_id"


async def _confirm(customer: Client) -> str:
    reservation_id: str = (await customer.place(line("MUG"))).json()["id"]
    assert (await customer.confirm(reservation_id)).is_success
    return reservation_id


@pytest_asyncio.fixture
async def confirmed(customer: Client, staff: Client) -> str:
    await staff.stock("MUG", "AMS", 9)
    return await _confirm(customer)


async def test_a_mail_that_cannot_be_composed_is_dead_after_five_attempts_and_a_replay_after_the_repair_sends_it(
    customer: Client, admin: Client, database: Database, *, deliver: Deliver, post: Post, mails: Mails, confirmed: str
) -> None:
    await deliver()
    await database.do(_UNKNOWN_KIND, confirmed)
    await _confirm(customer)

    for _ in range(FAILURES_MAX + 1):
        await end_leases(database)
        await post.goes_out()

    [broken, healthy] = await database.rows(_ROWS)
    assert broken[:3] == ("dead", FAILURES_MAX, FAILURES_MAX)
    assert healthy == ("sent", 1, 0, None)
    assert len(mails.received) == 1
    [letter] = (await admin.http.get("/v1/dead-letters")).json()["items"]
    assert letter["kind"] == "reservation.gift_wrapped"
    assert "gift_wrapped" in letter["reason"]
    assert len(letter["attempts"]) == FAILURES_MAX

    await database.do("UPDATE notifications SET kind = 'reservation.confirmed'")
    assert (await admin.http.post(f"/v1/dead-letters/{letter['dead_letter_id']}/replay")).status_code == 202
    [mail] = await post.goes_out()

    assert confirmed in text_of(mail)
    assert [state for state, *_ in await database.rows(_ROWS)] == ["sent", "sent"]


@pytest.mark.usefixtures("confirmed")
@pytest.mark.parametrize("reply", ["550 no such user", "554 spam", "552 too large"])
async def test_what_the_server_refuses_for_good_is_offered_once(database: Database, post: Post, mails: Mails, reply: str) -> None:
    mails.answer_next(reply)

    assert await post.goes_out() == []

    [(state, attempts, failures, error)] = await database.rows(_ROWS)
    assert (state, attempts, failures) == ("dead", 1, 0)
    assert reply[:3] in error
    await end_leases(database)
    assert await post.goes_out() == []


@pytest.mark.usefixtures("confirmed")
@pytest.mark.parametrize("reply", ["450 greylisted", "452 disk is full"])
async def test_what_the_server_does_not_want_now_it_gets_later_however_often(
    database: Database, post: Post, mails: Mails, reply: str
) -> None:
    mails.answer_next(*[reply] * (FAILURES_MAX + 1))
    for n in range(1, FAILURES_MAX + 2):
        await end_leases(database)
        assert await post.goes_out() == []
        [(state, attempts, failures, error)] = await database.rows(_ROWS)
        assert (state, attempts, failures) == ("queued", n, 0)
        assert error

    await end_leases(database)
    assert len(await post.goes_out()) == 1

    assert await database.rows(_ROWS) == [("sent", FAILURES_MAX + 2, 0, None)]


async def test_a_dead_letter_holds_no_link_that_is_good_for_anything(
    people: People, nobody: Client, admin: Client, database: Database, *, post: Post, mails: Mails
) -> None:
    quoted: list[str] = []
    await forget(nobody, (await people.join()).email)
    mails.answer_next(_quoting_its_link(quoted))

    await post.goes_out()

    [letter] = (await admin.http.get("/v1/dead-letters")).json()["items"]
    assert "spam" in letter["reason"]
    assert quoted
    told = str([await database.rows(f"SELECT t::text FROM {table} t") for table in ("notifications", "audit_events", "outbox")])  # noqa: S608
    assert quoted[0] not in str(letter) + told


def _quoting_its_link(quoted: list[str]) -> Callable[[EmailMessage], str]:
    def reply(mail: EmailMessage) -> str:
        quoted.append(token_in(mail))
        return f"554 spam: token={quoted[0]}"

    return reply


@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.usefixtures("confirmed")
async def test_a_database_that_is_away_when_the_attempt_ends_hears_of_it_when_it_is_back(
    database: Database, deliver: Deliver, mails: Mails, *, is_sent: bool
) -> None:
    mails.withhold_answers()
    if not is_sent:
        mails.answer_next("554 spam")
    await deliver()
    [(notification_id,)] = await database.rows("SELECT notification_id FROM notifications")
    async with fault_proxy(database.url) as to_database:
        where = Where(database_url=to_database.url, smtp_url=mails.url)
        with ThreadPoolExecutor(1) as worker:
            run = partial(asyncio.get_running_loop().run_in_executor, worker)
            await run(open_child, settings(where))
            sending = run(send, str(notification_id), 0)
            await mails.come_in(1, within_seconds=20)

            to_database.refuse()
            await to_database.reset()
            mails.answer_again()
            await asyncio.wait([sending], timeout=1)
            assert not sending.done()
            await to_database.listen()
            await sending

            await run(close_child)

    expected = ("sent", 1, 0) if is_sent else ("dead", 1, 0)
    assert [row[:3] for row in await database.rows(_ROWS)] == [expected]


@pytest.mark.usefixtures("confirmed")
async def test_a_database_that_is_away_when_the_letter_is_written_is_not_the_letters_fault(
    database: Database, deliver: Deliver, mails: Mails
) -> None:
    await deliver()
    [(notification_id,)] = await database.rows("SELECT notification_id FROM notifications")
    async with fault_proxy(database.url) as to_database:
        with ThreadPoolExecutor(1) as worker:
            run = partial(asyncio.get_running_loop().run_in_executor, worker)
            await run(open_child, settings(Where(database_url=to_database.url, smtp_url=mails.url)))
            withheld = to_database.withhold_answer_to(r"FROM accounts")
            sending = run(send, str(notification_id), 0)
            await withheld.answered.wait()
            await to_database.reset()
            await sending
            await run(close_child)

    [(state, attempts, failures, error)] = await database.rows(_ROWS)
    assert (state, attempts, failures) == ("queued", 1, 0)
    assert "database" in error


@pytest.mark.usefixtures("confirmed")
async def test_a_database_that_was_restarted_between_two_mails_costs_the_second_no_time(
    customer: Client, database: Database, post: Post
) -> None:
    assert len(await post.goes_out()) == 1
    await database.do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast-worker'")
    await _confirm(customer)

    assert len(await post.goes_out()) == 1
