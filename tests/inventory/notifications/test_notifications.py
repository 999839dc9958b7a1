"""Without these, a mail is sent twice, or by two workers, or never again once a worker died on it."""

import pytest

from services.inventory.notifications import commands
from services.inventory.notifications.model import ERROR_LENGTH_MAX, Due, Letter
from services.inventory.reservations import commands as reservations
from services.inventory.reservations.model import OrderLine
from services.runtime import outbox
from services.runtime.outbox import Recorded
from tests.support.database import Database
from tests.support.shop import Shop

CONFIRMED = "reservation.confirmed"


@pytest.fixture
async def event(shop: Shop) -> Recorded:
    """A customer has confirmed a reservation of 2 tees."""
    await shop.warehouse("AMS")
    await shop.product("TEE")
    await shop.stock("TEE", "AMS", 5)
    placed = await shop.place(OrderLine("TEE", 2), external_ref="cart-81")
    await shop.ours.transact(reservations.confirm, shop.target(placed.reservation.reservation_id))
    [recorded] = await shop.ours.transact(outbox.take, names=[CONFIRMED], limit=10)
    return recorded


@pytest.fixture
async def due(shop: Shop, event: Recorded) -> Due:
    """The customer is owed a mail about it, which is published."""
    await shop.ours.transact(commands.notify_owner, event)
    [leased] = await shop.ours.transact(commands.lease_due, limit=10)
    return leased


async def begun(shop: Shop, due: Due) -> Letter:
    letter = await shop.ours.transact(commands.begin_sending, due)
    assert letter is not None
    return letter


async def lease(shop: Shop) -> int:
    return len(await shop.ours.transact(commands.lease_due, limit=10))


async def row(database: Database) -> tuple[object, ...]:
    """State, attempts, last error, whether it was sent, and in how many seconds it is due."""
    [found] = await database.rows(
        "SELECT state, attempts, last_error, sent_at IS NOT NULL, round(extract(epoch FROM due_at - clock_timestamp()))::int"
        " FROM notifications"
    )
    return found


async def test_one_event_is_told_once(shop: Shop, database: Database, event: Recorded) -> None:
    for _ in range(2):
        await shop.ours.transact(commands.notify_owner, event)

    assert await database.rows("SELECT kind, account_id, reservation_id, state FROM notifications") == [
        (CONFIRMED, shop.customer.account_id, event.entity_id, "queued")
    ]


async def test_a_published_one_is_nobody_elses_until_its_lease_ends(shop: Shop, database: Database, due: Due) -> None:
    assert await lease(shop) == 0
    assert await row(database) == ("queued", 0, None, False, 30)

    await database.do("UPDATE notifications SET due_at = clock_timestamp() - interval '1 ms'")

    assert await shop.ours.transact(commands.lease_due, limit=10) == [due]


@pytest.mark.usefixtures("due")
async def test_no_more_are_published_than_asked_for(shop: Shop, database: Database) -> None:
    columns = "kind, account_id, reservation_id"
    await database.do(
        f"INSERT INTO notifications (notification_id, event_id, {columns}) SELECT gen_random_uuid(), -n, {columns}"  # noqa: S608
        " FROM notifications, generate_series(1, 3) n"
    )

    assert [len(await shop.ours.transact(commands.lease_due, limit=2)) for _ in range(3)] == [2, 1, 0]


async def test_a_letter_tells_what_was_reserved(shop: Shop, due: Due) -> None:
    letter = await begun(shop, due)

    assert letter.email.endswith("@example.com")
    assert (letter.external_ref, letter.notification.kind) == ("cart-81", CONFIRMED)
    assert [(item.sku, item.name, item.quantity) for item in letter.items] == [("TEE", "The TEE", 2)]


async def test_one_worker_sends_it(shop: Shop, database: Database, due: Due) -> None:
    letters = [await shop.ours.transact(commands.begin_sending, due) for _ in range(2)]

    assert [letter is not None for letter in letters] == [True, False]
    assert await row(database) == ("sending", 1, None, False, 30)
    assert await lease(shop) == 0


async def test_what_is_sent_stays_sent(shop: Shop, database: Database, due: Due) -> None:
    letter = await begun(shop, due)
    await shop.ours.transact(commands.finish_sending, due.notification_id)
    await database.do("UPDATE notifications SET due_at = clock_timestamp() - interval '1 h'")

    await shop.ours.transact(commands.give_up_attempt, letter.notification, error="too late")

    assert await lease(shop) == 0
    assert await shop.ours.transact(commands.begin_sending, due) is None
    assert (await row(database))[:4] == ("sent", 1, None, True)


async def test_a_worker_that_died_on_it_leaves_it_to_the_next(shop: Shop, database: Database, due: Due) -> None:
    await begun(shop, due)
    await database.do("UPDATE notifications SET due_at = clock_timestamp() - interval '1 ms'")

    [again] = await shop.ours.transact(commands.lease_due, limit=10)

    await begun(shop, again)
    assert (await row(database))[:2] == ("sending", 2)


async def test_an_attempt_that_failed_is_made_again_later(shop: Shop, database: Database, due: Due) -> None:
    letter = await begun(shop, due)

    await shop.ours.transact(commands.give_up_attempt, letter.notification, error="x" * (ERROR_LENGTH_MAX + 1))

    assert await row(database) == ("queued", 1, "x" * ERROR_LENGTH_MAX, False, 15)
    assert await lease(shop) == 0


async def test_a_message_that_the_queue_repeats_does_not_shorten_the_wait_after_a_failure(shop: Shop, due: Due) -> None:
    letter = await begun(shop, due)
    await shop.ours.transact(commands.give_up_attempt, letter.notification, error="not now")

    assert await shop.ours.transact(commands.begin_sending, due) is None


async def test_a_worker_past_its_lease_cannot_end_the_attempt_of_the_next(shop: Shop, database: Database, due: Due) -> None:
    late = await begun(shop, due)
    await database.do("UPDATE notifications SET due_at = clock_timestamp() - interval '1 ms'")
    [again] = await shop.ours.transact(commands.lease_due, limit=10)
    await begun(shop, again)

    await shop.ours.transact(commands.give_up_attempt, late.notification, error="too late")

    assert (await row(database))[:3] == ("sending", 2, None)
