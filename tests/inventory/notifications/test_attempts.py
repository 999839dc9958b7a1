"""Without these, a message that can never be sent is tried for ever, or a mail server's bad evening kills good mails."""

from functools import partial

import asyncpg
import pytest

from services.inventory.notifications import commands
from services.inventory.notifications.model import (
    DIED,
    ERROR_LENGTH_MAX,
    FAILURES_MAX,
    HISTORY_MAX,
    OUTAGE_SECONDS_MAX,
    RETRY_SECONDS_MAX,
    Notification,
    failed,
    postponed,
    refused,
)
from services.runtime.ids import new_id
from tests.support.database import Database
from tests.support.owed import Owed
from tests.support.problems import nothing_changes
from tests.support.shop import Shop

WAIT = "extract(epoch FROM due_at - clock_timestamp())::float"
IS_NEVER_DUE = "due_at = 'infinity'"


async def test_the_fifth_failure_is_the_last(owed: Owed) -> None:
    for n in range(1, FAILURES_MAX):
        await owed.ends(failed, f"failure {n}")
        state, failures, wait = await owed.row("state", "failures", WAIT)
        assert (state, failures) == ("queued", n)
        assert isinstance(wait, float)
        assert wait <= RETRY_SECONDS_MAX[n - 1]

    await owed.ends(failed, "failure 5")

    assert await owed.row("state", "failures", "attempts", "death_reason", "dead_letter_state", IS_NEVER_DUE) == (
        *("dead", 5, 5, "failure 5", "dead", True),
    )
    assert await owed.errors() == [f"failure {n}" for n in range(1, 6)]
    assert await owed.comes_due() == []


async def test_what_the_mail_server_will_never_take_is_dead_at_once(owed: Owed) -> None:
    await owed.ends(refused, "550 no such user")

    assert await owed.row("state", "attempts", "last_error", "death_reason") == ("dead", 1, "550 no such user", "550 no such user")
    assert await owed.comes_due() == []


async def test_an_outage_counts_never_and_is_over_soon_after_it_is_over(owed: Owed) -> None:
    for n in range(HISTORY_MAX + 5):
        await owed.ends(postponed, f"outage {n}")
        state, failures, wait = await owed.row("state", "failures", WAIT)
        assert (state, failures) == ("queued", 0)
        assert isinstance(wait, float)
        assert wait <= OUTAGE_SECONDS_MAX

    assert await owed.row("attempts", "last_error") == (HISTORY_MAX + 5, f"outage {HISTORY_MAX + 4}")
    assert await owed.errors() == [f"outage {n}" for n in range(5, HISTORY_MAX + 5)]


async def test_failures_before_and_after_an_outage_are_counted_together(owed: Owed) -> None:
    for how in (failed, postponed, failed, failed, postponed, failed, postponed):
        await owed.ends(how, "no")
    assert await owed.row("state", "failures") == ("queued", 4)

    await owed.ends(failed, "no")

    assert await owed.row("state", "failures", "attempts") == ("dead", 5, 8)


async def test_a_mail_that_five_workers_died_on_is_dead_and_the_others_are_not(shop: Shop, database: Database, owed: Owed) -> None:
    columns = "kind, account_id, reservation_id"
    await database.do(
        f"INSERT INTO notifications (notification_id, event_id, {columns}) SELECT gen_random_uuid(), -n, {columns}"  # noqa: S608
        " FROM notifications, generate_series(1, 3) n"
    )
    for n in range(FAILURES_MAX):
        published = {due.notification_id: due for due in await owed.comes_due()}
        assert len(published) == 4
        assert (await owed.row("failures"))[0] == n
        assert await shop.ours.transact(commands.begin_sending, published[owed.id]) is not None

    assert len(await owed.comes_due()) == 3

    assert await owed.row("state", "failures", "attempts", "death_reason", IS_NEVER_DUE) == ("dead", 5, 5, DIED, True)
    assert await owed.errors() == [DIED] * 5


async def test_of_relays_at_once_one_counts_a_death(shop: Shop, database: Database, owed: Owed) -> None:
    await owed.begun()
    await database.do("UPDATE notifications SET due_at = clock_timestamp()")

    async with database.transaction() as other:
        await other.execute("SELECT FROM notifications FOR UPDATE")
        assert list(await shop.ours.transact(commands.count_deaths, limit=10)) == []

    for _ in range(2):
        await shop.ours.transact(commands.count_deaths, limit=10)
    assert await owed.row("state", "failures", "attempts") == ("queued", 1, 1)


async def test_a_worker_that_still_has_time_is_not_dead(shop: Shop, owed: Owed) -> None:
    await owed.begun()

    await shop.ours.transact(commands.count_deaths, limit=10)

    assert await owed.row("state", "failures") == ("sending", 0)


async def test_an_error_without_end_is_cut(owed: Owed) -> None:
    await owed.ends(failed, "x" * (ERROR_LENGTH_MAX + 1))

    assert await owed.row("last_error") == ("x" * ERROR_LENGTH_MAX,)
    assert await owed.errors() == ["x" * ERROR_LENGTH_MAX]


def test_waits_are_spread_so_that_what_failed_together_does_not_come_back_together() -> None:
    notification = Notification(new_id(), "k", new_id(), None, None, None, attempts=9)  # type: ignore[arg-type]

    for how, longest in ((failed, RETRY_SECONDS_MAX[0]), (postponed, OUTAGE_SECONDS_MAX)):
        waits = [how(notification, "no").wait_seconds or 0 for _ in range(200)]
        assert min(waits) < longest / 4 < longest * 3 / 4 < max(waits) <= longest


REFUSED = [
    ("UPDATE notifications SET state = 'lost'", "a_notification_state_is_known"),
    ("UPDATE notifications SET state = 'dead'", "a_dead_notification_is_a_dead_letter|a_dead_notification_is_never_due"),
    ("UPDATE notifications SET due_at = 'infinity'", "a_dead_notification_is_never_due"),
    ("UPDATE notifications SET failures = 5", "a_fifth_failure_is_the_last"),
    ("UPDATE notifications SET dead_letter_state = 'replayed'", "a_dead_letter_has_a_time_and_a_reason"),
    (
        "UPDATE notifications SET dead_letter_state = 'lost', died_at = now(), death_reason = ''",
        "a_dead_letter_state_is_known|a_dead_notification_is_a_dead_letter",
    ),
    ("UPDATE notifications SET history = (SELECT jsonb_agg(n) FROM generate_series(0, 20) n)", "a_history_is_short"),
]


@pytest.mark.usefixtures("owed")
async def test_the_database_has_the_last_word(database: Database) -> None:
    async with nothing_changes(database):
        for sql, constraint in REFUSED:
            with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=constraint):
                await database.do(sql)


async def test_a_relay_of_the_release_before_leaves_the_dead_alone(database: Database, owed: Owed) -> None:
    await owed.ends(partial(refused), "550 no such user")

    due = "SELECT count(*) FROM notifications WHERE state <> 'sent' AND due_at <= now() + interval '1 year'"
    assert await database.rows(due) == [(0,)]
