"""Without these, a customer loses a hold that they had forgotten, or is told again and again of an end that is none any more."""

import asyncio

import pytest

from services.runtime.database import Database as OurDatabase
from services.worker.relay import REMIND_BATCH, remind_once
from tests.support.api import Client, line
from tests.support.clock import ends_in
from tests.support.database import Database
from tests.support.delivery import Deliver, end_leases, states
from tests.support.eventually import until_blocked
from tests.support.invariants import assert_invariants
from tests.support.post import Post, text_of
from tests.support.problems import assert_problem
from tests.support.statements import statements
from tests.support.together import together

_SUBJECT = "Your reservation is about to expire"
_REMINDED = "SELECT facts ->> 'reservation_id', count(*) FROM outbox WHERE name = 'reservation.expiring' GROUP BY 1"
_NUMBER = "SELECT count(*) FROM outbox WHERE name = 'reservation.expiring'"


async def hold(customer: Client, ttl_seconds: int = 600) -> str:
    placed = await customer.place(line("MUG"), ttl_seconds=ttl_seconds)
    assert placed.is_success, placed.text
    reservation_id: str = placed.json()["id"]
    return reservation_id


@pytest.fixture(autouse=True)
async def mugs(staff: Client) -> None:
    await staff.stock("MUG", "AMS", 1_000)


async def test_the_owner_of_a_hold_is_told_two_minutes_before_its_end_until_when(
    customer: Client, database: Database, *, ours: OurDatabase, post: Post
) -> None:
    reservation_id = await hold(customer)
    await ends_in(database, reservation_id, seconds=121)
    assert await remind_once(ours) == 0

    await ends_in(database, reservation_id, seconds=119)
    assert [await remind_once(ours) for _ in range(2)] == [1, 0]

    [mail] = await post.goes_out()
    assert customer.person
    assert (mail["Subject"], mail["To"].addresses[0].addr_spec) == (_SUBJECT, customer.person.email)
    [(ends_at,)] = await database.rows("SELECT expires_at FROM reservations")
    assert f"{ends_at:%H:%M:%S} UTC" in text_of(mail)
    assert reservation_id in text_of(mail)


@pytest.mark.parametrize(("ttl_seconds", "reminders"), [(299, 0), (300, 1)])
async def test_whoever_holds_something_for_less_than_five_minutes_needs_no_reminder(
    customer: Client, database: Database, *, ours: OurDatabase, ttl_seconds: int, reminders: int
) -> None:
    await ends_in(database, await hold(customer, ttl_seconds), seconds=100)

    assert await remind_once(ours) == reminders


@pytest.mark.parametrize(("seconds_left", "reminders"), [(35, 1), (29, 0), (-1, 0)])
async def test_a_relay_that_comes_too_late_says_nothing(
    customer: Client, database: Database, *, ours: OurDatabase, seconds_left: int, reminders: int
) -> None:
    await ends_in(database, await hold(customer), seconds=seconds_left)

    assert await remind_once(ours) == reminders


async def test_a_hold_that_was_extended_is_reminded_of_again_at_its_new_end(
    customer: Client, database: Database, ours: OurDatabase
) -> None:
    reservation_id = await hold(customer)
    await ends_in(database, reservation_id, seconds=100)
    assert await remind_once(ours) == 1

    await customer.extend(reservation_id, 600)
    assert await remind_once(ours) == 0
    await ends_in(database, reservation_id, seconds=100)

    assert [await remind_once(ours) for _ in range(2)] == [1, 0]
    assert await database.rows(_REMINDED) == [(reservation_id, 2)]


async def test_a_hold_that_is_extended_every_few_seconds_is_not_a_mail_every_few_seconds(
    customer: Client, database: Database, ours: OurDatabase
) -> None:
    reservation_id = await hold(customer)
    await ends_in(database, reservation_id, seconds=40)
    assert await remind_once(ours) == 1

    for ttl_seconds in (60, 80, 100, 119):
        await customer.extend(reservation_id, ttl_seconds)
        assert await remind_once(ours) == 0


@pytest.mark.parametrize("how", ["confirm", "cancel", "extend", "expire"])
async def test_nobody_is_told_of_an_end_that_is_none_any_more_when_the_mail_is_written(
    customer: Client, database: Database, *, ours: OurDatabase, post: Post, how: str
) -> None:
    reservation_id = await hold(customer)
    await ends_in(database, reservation_id, seconds=100)
    await remind_once(ours)
    await post.relays()
    assert await states(database) == ["queued"]

    if how == "expire":
        await ends_in(database, reservation_id, seconds=29)  # as good as over
    else:
        changed = await (customer.extend(reservation_id, 600) if how == "extend" else customer.change(reservation_id, how))
        assert changed.is_success, changed.text
    told = await post.goes_out()

    # It was never sent and never will be, so there is nothing that says so.
    assert _SUBJECT not in {str(mail["Subject"]) for mail in told}
    assert await database.rows("SELECT count(*) FROM notifications WHERE kind = 'reservation.expiring'") == [(0,)]


async def test_a_reminder_that_the_mail_server_did_not_take_is_not_sent_once_it_has_become_untrue(
    customer: Client, database: Database, *, ours: OurDatabase, post: Post
) -> None:
    reservation_id = await hold(customer)
    await ends_in(database, reservation_id, seconds=100)
    await remind_once(ours)
    post.mails.answer_next("451 not now")
    assert await post.goes_out() == []
    assert await states(database) == ["queued"]
    assert (await customer.confirm(reservation_id)).is_success

    await end_leases(database)

    assert [str(mail["Subject"]) for mail in await post.goes_out()] == ["Your reservation is confirmed"]
    assert await states(database) == ["sent"]


async def test_what_is_confirmed_is_reminded_of_by_nobody(customer: Client, database: Database, ours: OurDatabase) -> None:
    reservation_id = await hold(customer)
    await ends_in(database, reservation_id, seconds=100)
    await customer.confirm(reservation_id)

    assert await remind_once(ours) == 0


async def test_a_hold_that_is_being_confirmed_is_left_alone(customer: Client, database: Database, ours: OurDatabase) -> None:
    busy, idle = await hold(customer), await hold(customer)
    for reservation_id in (busy, idle):
        await ends_in(database, reservation_id, seconds=100)

    async with database.transaction() as other:
        await other.execute("SELECT 1 FROM reservations WHERE reservation_id = $1 FOR NO KEY UPDATE", busy)
        assert await remind_once(ours) == 1  # without waiting for the other

    assert await database.rows(_REMINDED) == [(idle, 1)]
    assert await remind_once(ours) == 1


async def test_any_number_of_relays_remind_of_each_hold_once(customer: Client, database: Database, ours: OurDatabase) -> None:
    for _ in range(12):
        await ends_in(database, await hold(customer), seconds=100)

    reminded = await together(*(remind_once(ours) for _ in range(4)))

    assert sum(reminded) + await remind_once(ours) == 12
    assert {count for _, count in await database.rows(_REMINDED)} == {1}
    await assert_invariants(database)


async def test_a_relay_that_waited_for_another_reminds_of_nothing_twice(customer: Client, database: Database, ours: OurDatabase) -> None:
    # Both have chosen the hold before either has locked it.
    await ends_in(database, await hold(customer), seconds=100)
    async with database.transaction() as keeper:
        await keeper.execute("LOCK TABLE reservations IN SHARE MODE")
        running = [asyncio.create_task(remind_once(ours)) for _ in range(2)]
        await until_blocked(database, 2)

    assert sum(await asyncio.gather(*running)) == 1
    assert await database.rows(_NUMBER) == [(1,)]


async def test_one_statement_reminds_of_no_more_than_a_batch(customer: Client, database: Database, ours: OurDatabase) -> None:
    await ends_in(database, await hold(customer), seconds=100)
    await database.do(
        "INSERT INTO reservations (reservation_id, account_id, state, created_at, expires_at)"
        " SELECT gen_random_uuid(), account_id, state, created_at, expires_at FROM reservations, generate_series(1, $1)",
        REMIND_BATCH,
    )

    assert [await remind_once(ours) for _ in range(3)] == [REMIND_BATCH, 1, 0]


async def test_holds_that_were_reminded_of_are_not_read_again_however_many_there_are(
    customer: Client, database: Database, ours: OurDatabase
) -> None:
    await ends_in(database, await hold(customer), seconds=100)
    await database.do(
        "INSERT INTO reservations (reservation_id, account_id, state, created_at, expires_at, reminded_at)"
        " SELECT gen_random_uuid(), account_id, state, created_at, expires_at, now() FROM reservations, generate_series(1, 2000)"
    )
    await database.do("ANALYZE reservations")
    with statements() as said:
        await remind_once(ours)

    plan = "\n".join(line for (line,) in await database.rows(f"EXPLAIN {said[-1]}", REMIND_BATCH))

    assert "Index Scan using reservations_to_remind" in plan, plan


async def test_a_reminder_changes_nothing_that_its_owner_can_see(customer: Client, database: Database, ours: OurDatabase) -> None:
    reservation_id = await hold(customer)
    await ends_in(database, reservation_id, seconds=100)
    before = await customer.reservation(reservation_id)

    await remind_once(ours)

    after = await customer.reservation(reservation_id)
    assert {**after.json(), "server_time": None} == {**before.json(), "server_time": None}
    assert after.headers["ETag"] == before.headers["ETag"]


async def test_a_reminder_keeps_no_hold_alive(customer: Client, database: Database, *, ours: OurDatabase, deliver: Deliver) -> None:
    reservation_id = await hold(customer)
    await ends_in(database, reservation_id, seconds=40)
    await remind_once(ours)
    await deliver()
    await ends_in(database, reservation_id, seconds=-1)

    assert_problem(await customer.confirm(reservation_id), 409, "reservation_expired")
