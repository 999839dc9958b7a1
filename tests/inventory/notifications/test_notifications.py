"""Without these, a mail is sent twice, or by two workers, or never again once a worker died on it."""

import pytest

from services.inventory.notifications import commands
from services.inventory.notifications.model import postponed
from services.runtime.outbox import Recorded
from tests.support.database import Database
from tests.support.owed import CONFIRMED, Owed
from tests.support.shop import Shop
from tests.support.together import together

SECONDS_LEFT = "round(extract(epoch FROM due_at - clock_timestamp()))::int"


async def lease(shop: Shop, limit: int = 10) -> int:
    return len(await shop.ours.transact(commands.lease_due, limit=limit))


async def test_one_event_is_told_once(shop: Shop, database: Database, event: Recorded) -> None:
    for _ in range(2):
        await shop.ours.transact(commands.notify_owner, event)

    assert await database.rows("SELECT kind, account_id, reservation_id, state FROM notifications") == [
        (CONFIRMED, shop.customer.account_id, event.entity_id, "queued")
    ]


async def test_a_published_one_is_nobody_elses_until_its_lease_ends(shop: Shop, owed: Owed) -> None:
    assert await lease(shop) == 0
    assert await owed.row("state", "attempts", SECONDS_LEFT) == ("queued", 0, 30)

    assert await owed.comes_due() == [owed.due]


async def test_no_more_are_published_than_asked_for(shop: Shop, database: Database, owed: Owed) -> None:
    columns = "kind, account_id, reservation_id"
    await database.do(
        f"INSERT INTO notifications (notification_id, event_id, {columns}) SELECT gen_random_uuid(), -n, {columns}"  # noqa: S608
        " FROM notifications, generate_series(1, 3) n WHERE notification_id = $1",
        owed.id,
    )

    assert [await lease(shop, 2) for _ in range(3)] == [2, 1, 0]


async def test_a_letter_tells_what_was_reserved(shop: Shop, owed: Owed) -> None:
    letter = await shop.ours.transact(commands.write_letter, await owed.begun())

    assert letter.email.endswith("@example.com")
    assert (letter.external_ref, letter.notification.kind) == ("cart-81", CONFIRMED)
    assert [(item.sku, item.name, item.quantity) for item in letter.items] == [("TEE", "The TEE", 2)]


async def test_of_workers_that_have_the_same_message_one_sends_it(shop: Shop, owed: Owed) -> None:
    begun = await together(*(shop.ours.transact(commands.begin_sending, owed.due) for _ in range(4)))

    assert sum(notification is not None for notification in begun) == 1
    assert await owed.row("state", "attempts", SECONDS_LEFT) == ("sending", 1, 30)
    assert await lease(shop) == 0


async def test_what_is_sent_stays_sent(shop: Shop, database: Database, owed: Owed) -> None:
    late = await owed.begun()
    await shop.ours.transact(commands.finish_sending, owed.id)
    await database.do("UPDATE notifications SET due_at = clock_timestamp() - interval '1 h'")

    await shop.ours.transact(commands.end_attempt, late, postponed(late, "too late"))

    assert await lease(shop) == 0
    assert await shop.ours.transact(commands.begin_sending, owed.due) is None
    assert await owed.row("state", "attempts", "last_error", "sent_at IS NOT NULL", "history") == ("sent", 1, None, True, "[]")


async def test_a_message_that_the_queue_repeats_does_not_shorten_the_wait_after_a_failure(shop: Shop, owed: Owed) -> None:
    await owed.ends(postponed, "not now")

    assert await shop.ours.transact(commands.begin_sending, owed.due) is None


async def test_a_worker_past_its_lease_cannot_end_the_attempt_of_the_next(shop: Shop, owed: Owed) -> None:
    late = await owed.begun()
    await owed.begun()

    await shop.ours.transact(commands.end_attempt, late, postponed(late, "too late"))

    assert await owed.row("state", "attempts", "failures") == ("sending", 2, 1)


@pytest.mark.parametrize("is_next_one_at_work", [False, True])
async def test_a_worker_past_its_lease_that_sent_it_all_the_same_is_believed(shop: Shop, owed: Owed, *, is_next_one_at_work: bool) -> None:
    await owed.begun()
    await (owed.begun() if is_next_one_at_work else owed.comes_due())

    await shop.ours.transact(commands.finish_sending, owed.id)

    assert await owed.row("state") == ("sent",)
    assert await owed.comes_due() == []
