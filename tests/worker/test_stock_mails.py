"""Without these, the shelf is empty and the staff do not hear of it, or hear of it with every order, or hear half of it."""

import asyncio
from email.message import EmailMessage

import pytest

from services.inventory.notifications.announcing import announce_crossings
from services.inventory.notifications.model import CROSSINGS_LISTED_MAX, CROSSINGS_MAX
from services.runtime.database import Database as OurDatabase
from services.worker.relay import announce_once, react
from tests.races.gate import together_at_the_gate
from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.eventually import until_blocked
from tests.support.post import Post, text_of

_PENDING = "SELECT count(*) FROM crossings"
_OWED = "SELECT kind, count(*) FROM notifications WHERE kind LIKE 'stock.%' GROUP BY kind ORDER BY kind"
_MINUTE_LATER = "UPDATE turns SET taken_at = taken_at - interval '60 seconds'"
_ALMOST_A_MINUTE_LATER = "UPDATE turns SET taken_at = clock_timestamp() - interval '50 seconds'"
_MANY_CROSSINGS = "INSERT INTO crossings SELECT 1000000 + n, 'stock.low', item_id, 2, now() FROM stock_items, generate_series(1, $1) n"


async def sell(customer: Client, sku: str, quantity: int) -> None:
    placed = await customer.place(line(sku, quantity))
    assert placed.is_success, placed.text


def recipients(mails: list[EmailMessage]) -> set[str]:
    return {mail["To"].addresses[0].addr_spec for mail in mails}


@pytest.fixture(autouse=True)
async def shelves(staff: Client) -> None:
    """Five of each, low at three."""
    for sku in ("TEE", "MUG"):
        await staff.stock(sku, "AMS", 5, low_stock_at=3)


async def test_the_staff_are_told_in_one_mail_what_is_low_and_what_has_run_out(
    customer: Client, staff: Client, *, admin: Client, ours: OurDatabase, post: Post
) -> None:
    assert staff.person
    assert admin.person
    await sell(customer, "TEE", 2)
    await sell(customer, "MUG", 5)
    await post.relays()
    assert await announce_once(ours) == 2

    mails = await post.goes_out()

    # Customers have no business with it.
    assert recipients(mails) == {staff.person.email, admin.person.email}
    assert [mail["Subject"] for mail in mails] == ["Stock: 1 out, 1 low"] * 2
    for mail in mails:
        assert "OUT: The MUG (MUG) in AMS\n    low at 3, " in text_of(mail)
        assert "3 left: The TEE (TEE) in AMS\n    low at 3, " in text_of(mail)
        assert text_of(mail).index("MUG") < text_of(mail).index("TEE")  # the worst comes first


@pytest.mark.parametrize(("quantity", "kind"), [(2, "stock.low"), (5, "stock.out")])
async def test_a_mail_about_one_crossing_is_called_as_its_event_is(
    customer: Client, database: Database, *, ours: OurDatabase, quantity: int, kind: str
) -> None:
    await sell(customer, "TEE", quantity)
    await ours.transact(react)

    await announce_once(ours)

    assert await database.rows(_OWED) == [(kind, 1)]


async def test_a_quiet_minute_has_no_mail_and_does_not_delay_the_next(customer: Client, database: Database, ours: OurDatabase) -> None:
    assert await announce_once(ours) == 0
    await sell(customer, "TEE", 2)
    await ours.transact(react)

    assert await announce_once(ours) == 1

    assert await database.rows(_OWED) == [("stock.low", 1)]


async def test_a_relay_that_slept_until_others_had_told_everything_tells_nothing(database: Database, ours: OurDatabase) -> None:
    assert await ours.transact(announce_crossings) == 0

    assert await database.rows(_OWED) == []


async def test_what_crosses_during_the_minute_waits_for_its_end_and_is_told_whole(
    customer: Client, database: Database, *, ours: OurDatabase, post: Post
) -> None:
    await sell(customer, "TEE", 2)
    await post.relays()
    assert await announce_once(ours) == 1
    assert len(await post.goes_out()) == 1

    await sell(customer, "TEE", 3)
    await sell(customer, "MUG", 2)
    await sell(customer, "MUG", 3)
    await post.relays()
    assert await announce_once(ours) == 0
    await database.do(_ALMOST_A_MINUTE_LATER)
    assert await announce_once(ours) == 0
    assert await post.goes_out() == []
    await database.do(_MINUTE_LATER)
    assert [await announce_once(ours) for _ in range(2)] == [3, 0]

    [mail] = await post.goes_out()
    assert mail["Subject"] == "Stock: 2 out, 1 low"
    assert [text_of(mail).count(words) for words in ("OUT: The TEE", "OUT: The MUG", "3 left: The MUG", "3 left: The TEE")] == [1, 1, 1, 0]


async def test_of_many_relays_at_once_one_writes_the_mail(customer: Client, database: Database, ours: OurDatabase) -> None:
    for sku in ("TEE", "MUG"):
        await sell(customer, sku, 5)
    await ours.transact(react)

    announced = await together_at_the_gate(
        database, *(announce_once(ours) for _ in range(4)), gate="LOCK TABLE turns IN SHARE MODE", at_once=4
    )

    assert sorted(announced) == [0, 0, 0, 2]
    assert await database.rows(_OWED) == [("stock.out", 1)]
    assert await database.rows(_PENDING) == [(0,)]


async def test_a_relay_that_dies_over_the_mail_leaves_turn_and_crossings_to_the_next(
    customer: Client, database: Database, ours: OurDatabase
) -> None:
    await sell(customer, "TEE", 5)
    await ours.transact(react)
    await database.do("ALTER TABLE notifications ADD CONSTRAINT nobody_may_hear CHECK (false)")
    with pytest.raises(Exception, match="nobody_may_hear"):
        await announce_once(ours)

    await database.do("ALTER TABLE notifications DROP CONSTRAINT nobody_may_hear")

    assert await announce_once(ours) == 1
    assert await database.rows(_OWED) == [("stock.out", 1)]


async def test_a_relay_that_waits_for_another_s_turn_gets_it_if_that_one_dies(
    customer: Client, database: Database, ours: OurDatabase
) -> None:
    await sell(customer, "TEE", 5)
    await ours.transact(react)
    async with database.transaction() as other:
        await other.execute("INSERT INTO turns VALUES ('mail about the stock', clock_timestamp())")
        waiting = asyncio.create_task(announce_once(ours))
        await until_blocked(database)
        await other.execute("ROLLBACK")  # what PostgreSQL does for one that died

    assert await waiting == 1


async def test_the_staff_are_those_who_can_do_something_about_it_and_may_sign_in(
    customer: Client, staff: Client, *, admin: Client, database: Database, ours: OurDatabase
) -> None:
    assert staff.person
    assert admin.person
    await database.do("UPDATE accounts SET is_disabled = true WHERE account_id = $1", staff.person.account_id)
    await database.do("UPDATE accounts SET verified_at = NULL WHERE account_id = $1", admin.person.account_id)
    await sell(customer, "TEE", 5)
    await ours.transact(react)

    assert await announce_once(ours) == 1  # to nobody, and that is over

    assert await database.rows(_OWED) == []
    assert await database.rows(_PENDING) == [(0,)]


@pytest.mark.parametrize("change", ["role = 'customer'", "is_disabled = true", "verified_at = NULL"])
async def test_who_has_left_the_staff_when_the_mail_is_written_does_not_get_it(
    customer: Client, database: Database, *, ours: OurDatabase, post: Post, change: str
) -> None:
    await sell(customer, "TEE", 5)
    await post.relays()
    await announce_once(ours)
    await database.do(f"UPDATE accounts SET {change} WHERE role = 'staff'")  # noqa: S608

    assert await post.goes_out() == []

    assert await database.rows(_OWED) == []


async def test_a_mail_says_what_was_so_when_it_crossed(
    customer: Client, staff: Client, database: Database, *, ours: OurDatabase, post: Post
) -> None:
    await sell(customer, "TEE", 2)
    await post.relays()
    await announce_once(ours)
    await staff.adjust("TEE", "AMS", 90)
    await database.do("UPDATE products SET name = 'renamed'")

    [mail] = await post.goes_out()

    assert "3 left: The TEE (TEE) in AMS" in text_of(mail)


async def test_a_mail_has_room_for_so_many_and_counts_the_others(
    customer: Client, database: Database, *, ours: OurDatabase, post: Post
) -> None:
    await sell(customer, "MUG", 5)
    await post.relays()
    await database.do(_MANY_CROSSINGS.replace("stock_items,", "(SELECT item_id FROM stock_items LIMIT 1) item,"), 136)

    assert await announce_once(ours) == 137

    [mail] = await post.goes_out()
    assert mail["Subject"] == "Stock: 1 out, 136 low"
    assert text_of(mail).count(" in AMS\n") == CROSSINGS_LISTED_MAX
    assert "OUT: The MUG" in text_of(mail)  # though it is the oldest of all
    assert "And 37 more." in text_of(mail)
    assert text_of(mail).count("/v1/stock?low_stock=true") == 1


async def test_more_than_one_transaction_should_take_wait_for_the_next_mail(database: Database, ours: OurDatabase) -> None:
    await database.do(_MANY_CROSSINGS.replace("stock_items,", "(SELECT item_id FROM stock_items LIMIT 1) item,"), CROSSINGS_MAX + 2)

    assert await announce_once(ours) == CROSSINGS_MAX
    await database.do(_MINUTE_LATER)
    assert await announce_once(ours) == 2
