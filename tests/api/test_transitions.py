"""Without these, units are given back twice or never, and a promise is changed by somebody whom it was not made to."""

import pytest

from tests.support.api import Api, Client, line
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.problems import assert_fault, assert_problem, nothing_changes

NO_ONES = "0197a3f0-0000-7000-8000-000000000000"


async def held(customer: Client, staff: Client, quantity: int = 2) -> str:
    """The id of a reservation of 5 tees that were on hand."""
    await staff.stock("TEE", "AMS", 5)
    reservation: str = (await customer.place(line("TEE", quantity))).json()["id"]
    return reservation


async def counters(database: Database) -> tuple[int, int, int]:
    [(on_hand, held, allocated)] = await database.rows("SELECT on_hand, held, allocated FROM stock_now")
    return on_hand, held, allocated


async def test_a_confirmed_reservation_keeps_its_units_for_good(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)

    answer = await customer.confirm(reservation)

    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    body = answer.json()
    assert (body["state"], body["version"], body["closed_at"]) == ("confirmed", 2, None)
    assert body["created_at"] < body["confirmed_at"] < body["server_time"]
    assert body["links"].keys() == {"self", "cancel"}
    assert await counters(database) == (5, 0, 2)
    await assert_invariants(database)


async def test_a_cancelled_hold_gives_its_units_back(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)

    answer = await customer.cancel(reservation, reason="too blue")

    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["close_reason"], body["version"]) == ("cancelled", "too blue", 2)
    assert body["closed_at"] is not None
    assert body["links"].keys() == {"self"}
    assert [(one["quantity"], one["released"]) for one in body["lines"]] == [(2, 2)]
    assert await counters(database) == (5, 0, 0)
    await assert_invariants(database)


@pytest.mark.parametrize("reason", ["expired", "displaced", "fulfilled"])
async def test_nobody_can_cancel_in_words_that_are_ours(customer: Client, staff: Client, database: Database, reason: str) -> None:
    await staff.stock("TEE", "AMS", 5)
    reservation = (await customer.place(line("TEE"))).json()["id"]

    async with nothing_changes(database):
        answer = await customer.cancel(reservation, reason=reason)

    assert_fault(answer, "/reason")


async def test_a_confirmed_reservation_can_still_be_cancelled(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)
    await customer.confirm(reservation)

    answer = await customer.cancel(reservation)

    assert (answer.json()["state"], answer.json()["close_reason"]) == ("cancelled", "cancelled")
    assert await counters(database) == (5, 0, 0)
    await assert_invariants(database)


async def test_several_lines_move_together(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("MUG", "AMS", 5)
    reservation = (await customer.place(line("TEE", 1), line("MUG", 2))).json()["id"]

    await customer.confirm(reservation)

    assert await database.rows("SELECT sku, held, allocated FROM stock_now ORDER BY sku") == [("MUG", 0, 2), ("TEE", 0, 1)]
    await assert_invariants(database)


@pytest.mark.parametrize("transition", ["confirm", "cancel"])
async def test_doing_it_twice_is_doing_it_once(customer: Client, staff: Client, database: Database, transition: str) -> None:
    reservation = await held(customer, staff)
    first = await getattr(customer, transition)(reservation)

    second = await getattr(customer, transition)(reservation)

    assert second.status_code == 200
    assert {**second.json(), "server_time": ""} == {**first.json(), "server_time": ""}
    assert "Idempotent-Replayed" not in second.headers  # the state answers here, not the key
    await assert_invariants(database)


async def test_what_is_cancelled_cannot_be_confirmed(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)
    await customer.cancel(reservation)

    async with nothing_changes(database):
        answer = await customer.confirm(reservation)

    assert "cancelled" in assert_problem(answer, 409, "illegal_transition")["detail"]


@pytest.mark.parametrize("transition", ["confirm", "cancel", "fulfilments"])
async def test_no_body_is_not_the_same_as_null(staff: Client, database: Database, transition: str) -> None:
    reservation = await held(staff, staff)
    if transition == "fulfilments":
        await staff.confirm(reservation)
    path, headers = f"/v1/reservations/{reservation}/{transition}", {"Idempotency-Key": "k1", "Content-Type": "application/json"}

    async with nothing_changes(database):
        refused = [await staff.http.post(path, content=content, headers=headers) for content in (b"null", b" null\n")]

    for answer in refused:
        assert "object" in assert_fault(answer, "")
    assert (await staff.http.post(path, headers=headers)).is_success


@pytest.mark.parametrize("transition", ["confirm", "cancel"])
async def test_what_is_shipped_is_past_both(customer: Client, staff: Client, database: Database, transition: str) -> None:
    reservation = await held(customer, staff)
    await customer.confirm(reservation)
    await database.do("UPDATE reservation_lines SET fulfilled = quantity")
    await database.do("UPDATE reservations SET state = 'fulfilled', closed_at = clock_timestamp()")

    async with nothing_changes(database):
        answer = await getattr(customer, transition)(reservation)

    assert "fulfilled" in assert_problem(answer, 409, "illegal_transition")["detail"]


async def test_units_that_were_shipped_are_not_given_back(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff, quantity=3)
    await customer.confirm(reservation)
    await database.do("UPDATE reservation_lines SET fulfilled = 1")
    await database.do("UPDATE stock_levels SET allocated = 2")

    answer = await customer.cancel(reservation)

    assert [(one["fulfilled"], one["released"]) for one in answer.json()["lines"]] == [(1, 2)]
    assert await counters(database) == (5, 0, 0)
    await assert_invariants(database)


async def test_a_reservation_that_does_not_exist_is_not_found(customer: Client, database: Database) -> None:
    async with nothing_changes(database):
        answers = [await customer.reservation(NO_ONES), await customer.confirm(NO_ONES), await customer.cancel(NO_ONES)]

    for answer in answers:
        assert assert_problem(answer, 404, "not_found")["detail"] == f"there is no reservation {NO_ONES}"


async def test_the_reservation_of_another_is_not_found(api: Api, customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)
    other = await api.customer()

    async with nothing_changes(database):
        answers = [await other.reservation(reservation), await other.confirm(reservation), await other.cancel(reservation)]

    for answer in answers:
        assert assert_problem(answer, 404, "not_found")["detail"] == f"there is no reservation {reservation}"


async def test_the_staff_read_and_cancel_what_is_not_theirs_but_do_not_confirm_it(
    customer: Client, staff: Client, database: Database
) -> None:
    reservation = await held(customer, staff)

    async with nothing_changes(database):
        read = await staff.reservation(reservation)
        confirmed = await staff.confirm(reservation)
    cancelled = await staff.cancel(reservation)

    assert read.json()["links"].keys() == {"self", "cancel"}
    assert_problem(confirmed, 404, "not_found")
    assert cancelled.json()["state"] == "cancelled"
    await assert_invariants(database)


async def test_the_request_id_follows_a_reservation_into_the_outbox(customer: Client, staff: Client, database: Database) -> None:
    customer.http.headers["X-Request-ID"] = "from-the-shop-1"
    reservation = await held(customer, staff)
    await customer.confirm(reservation)

    told = await database.rows("SELECT name, request_id, entity_id::text, facts FROM outbox ORDER BY event_id")

    assert customer.person
    facts = f'{{"account_id": "{customer.person.account_id}", "reservation_id": "{reservation}"}}'
    assert told == [
        ("reservation.held", "from-the-shop-1", reservation, facts),
        ("reservation.confirmed", "from-the-shop-1", reservation, facts),
    ]
