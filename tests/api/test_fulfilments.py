"""Without these, units leave the warehouse that nobody bought, or leave twice, or leave and are still on the shelf."""

import pytest

from tests.support.api import Client, line, units
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.levels import level
from tests.support.problems import assert_problem, nothing_changes

LEDGER = (
    "SELECT sku, delta, on_hand_after, reference, reservation_id::text, movement.actor FROM stock_movements movement"
    " JOIN stock_now USING (item_id) WHERE reason = 'fulfilment' ORDER BY movement_id"
)


async def promised(customer: Client, staff: Client, quantity: int = 3) -> str:
    """The id of a confirmed reservation of some of 5 tees."""
    await staff.stock("TEE", "AMS", 5)
    reservation: str = (await customer.place(line("TEE", quantity), external_ref="cart-81")).json()["id"]
    await customer.confirm(reservation)
    return reservation


async def test_everything_that_is_open_leaves_and_the_ledger_knows_for_whom(customer: Client, staff: Client, database: Database) -> None:
    reservation = await promised(customer, staff)

    answer = await staff.fulfil(reservation)

    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"3"'
    body = answer.json()
    assert (body["state"], body["version"], body["close_reason"]) == ("fulfilled", 3, "fulfilled")
    assert body["closed_at"] > body["confirmed_at"]
    assert body["links"].keys() == {"self"}
    assert [(one["quantity"], one["fulfilled"], one["released"]) for one in body["lines"]] == [(3, 3, 0)]
    assert await level(database) == (2, 0, 0)
    assert staff.person
    assert await database.rows(LEDGER) == [("TEE", -3, 2, "cart-81", reservation, str(staff.person.account_id))]
    await assert_invariants(database)


async def test_what_leaves_in_parts_is_fulfilled_with_the_last_unit(customer: Client, staff: Client, database: Database) -> None:
    reservation = await promised(customer, staff)

    part = (await staff.fulfil(reservation, units("TEE", 1))).json()
    assert (part["state"], part["version"], part["closed_at"]) == ("confirmed", 3, None)
    assert part["links"].keys() == {"self", "cancel", "fulfilments"}
    assert [(one["fulfilled"], one["released"]) for one in part["lines"]] == [(1, 0)]
    assert await level(database) == (4, 0, 2)
    await assert_invariants(database)

    rest = (await staff.fulfil(reservation, units("TEE", 2))).json()
    assert (rest["state"], rest["version"]) == ("fulfilled", 4)
    assert await level(database) == (2, 0, 0)
    assert [row[1:3] for row in await database.rows(LEDGER)] == [(-1, 4), (-2, 2)]
    await assert_invariants(database)


async def test_only_the_lines_that_are_named_leave_and_one_named_twice_is_added_up(
    customer: Client, staff: Client, database: Database
) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("MUG", "AMS", 5)
    reservation = (await customer.place(line("TEE", 3), line("MUG", 2))).json()["id"]
    await customer.confirm(reservation)

    answer = await staff.fulfil(reservation, units("TEE", 1), units("TEE", 2))

    assert {one["sku"]: one["fulfilled"] for one in answer.json()["lines"]} == {"TEE": 3, "MUG": 0}
    assert answer.json()["state"] == "confirmed"
    assert (await level(database, "TEE"), await level(database, "MUG")) == ((2, 0, 0), (5, 0, 2))

    rest = await staff.fulfil(reservation)

    assert rest.json()["state"] == "fulfilled"
    assert [row[:3] for row in await database.rows(LEDGER)] == [("TEE", -3, 2), ("MUG", -2, 3)]
    await assert_invariants(database)


async def test_no_more_leaves_than_is_open(customer: Client, staff: Client, database: Database) -> None:
    reservation = await promised(customer, staff)
    await staff.fulfil(reservation, units("TEE", 1))

    async with nothing_changes(database):
        at_once = await staff.fulfil(reservation, units("TEE", 3))
        added_up = await staff.fulfil(reservation, units("TEE", 1), units("TEE", 2))

    [fault] = assert_problem(at_once, 409, "exceeds_open_quantity")["errors"]
    assert fault == {"pointer": "/items/0", "sku": "TEE", "warehouse": "AMS", "requested": 3, "open": 2}
    faults = assert_problem(added_up, 409, "exceeds_open_quantity")["errors"]
    assert [one["pointer"] for one in faults] == ["/items/0", "/items/1"]


async def test_what_was_not_reserved_does_not_leave(customer: Client, staff: Client, database: Database) -> None:
    reservation = await promised(customer, staff)
    await staff.stock("MUG", "AMS", 5)
    await staff.stock("TEE", "BER", 5)

    async with nothing_changes(database):
        answer = await staff.fulfil(reservation, units("TEE", 1), units("MUG", 1), units("TEE", 1, "BER"))

    faults = assert_problem(answer, 422, "validation_error")["errors"]
    assert [fault["pointer"] for fault in faults] == ["/items/1", "/items/2"]


async def test_units_that_have_not_arrived_cannot_leave(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 1, backorder_limit=5)
    reservation = (await customer.place(line("TEE", 3))).json()["id"]
    await customer.confirm(reservation)

    async with nothing_changes(database):
        answer = await staff.fulfil(reservation, units("TEE", 2))

    [fault] = assert_problem(answer, 409, "insufficient_on_hand")["errors"]
    assert fault == {"sku": "TEE", "warehouse": "AMS", "requested": 2, "on_hand": 1}
    assert (await staff.fulfil(reservation, units("TEE", 1))).json()["state"] == "confirmed"
    await staff.adjust("TEE", "AMS", 2)
    assert (await staff.fulfil(reservation)).json()["state"] == "fulfilled"
    assert await level(database) == (0, 0, 0)
    await assert_invariants(database)


async def test_what_is_not_confirmed_does_not_leave(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    held, cancelled, over = [(await customer.place(line("TEE"))).json()["id"] for _ in range(3)]
    await customer.cancel(cancelled)
    await expire(database, over)

    async with nothing_changes(database):
        answers = [await staff.fulfil(reservation) for reservation in (held, cancelled, over)]

    codes = ["illegal_transition", "illegal_transition", "reservation_expired"]
    for answer, code in zip(answers, codes, strict=True):
        assert_problem(answer, 409, code)


async def test_what_has_left_does_not_leave_again(customer: Client, staff: Client, database: Database) -> None:
    reservation = await promised(customer, staff)
    first = await staff.fulfil(reservation)

    again = await staff.fulfil(reservation)
    async with nothing_changes(database):
        more = await staff.fulfil(reservation, units("TEE", 1))

    assert again.status_code == 201
    assert {**again.json(), "server_time": ""} == {**first.json(), "server_time": ""}
    assert assert_problem(more, 409, "exceeds_open_quantity")["errors"][0]["open"] == 0
    assert len(await database.rows(LEDGER)) == 1
    await assert_invariants(database)


async def test_a_partly_fulfilled_reservation_gives_back_what_is_open_and_no_more(
    customer: Client, staff: Client, database: Database
) -> None:
    reservation = await promised(customer, staff)
    await staff.fulfil(reservation, units("TEE", 1))

    answer = await customer.cancel(reservation)

    assert answer.json()["state"] == "cancelled"
    assert [(one["quantity"], one["fulfilled"], one["released"]) for one in answer.json()["lines"]] == [(3, 1, 2)]
    assert await level(database) == (4, 0, 0)
    await assert_invariants(database)


@pytest.mark.parametrize("named", [True, False])
async def test_a_customer_ships_nothing_not_even_what_is_theirs(
    customer: Client, staff: Client, database: Database, *, named: bool
) -> None:
    reservation = await promised(customer, staff)

    async with nothing_changes(database):
        answer = await customer.fulfil(reservation, *([units("TEE", 1)] if named else []))

    assert "reservations:fulfil" in assert_problem(answer, 403, "forbidden")["detail"]
