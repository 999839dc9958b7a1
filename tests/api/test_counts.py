"""Without these, whoever counts the shelf overwrites what happened meanwhile, or takes units from those to whom they were promised."""

import httpx
import pytest

from tests.support.api import Api, Client, counted, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.levels import level
from tests.support.problems import assert_fault, assert_problem, nothing_changes

LEDGER = "SELECT movement_id::text, delta, on_hand_after, actor FROM stock_movements WHERE reason = 'count'"
STATES = "SELECT state, close_reason FROM reservations ORDER BY created_at"
TOLD = "SELECT name FROM outbox WHERE entity_id = $1::text::uuid ORDER BY event_id"


async def place(customer: Client, quantity: int) -> str:
    reservation: str = (await customer.place(line("TEE", quantity))).json()["id"]
    return reservation


async def displace(staff: Client, found: int, expected: int = 5) -> httpx.Response:
    return await staff.count(counted("TEE", found, expected), on_shortage="displace")


@pytest.mark.parametrize(("found", "delta"), [(7, 2), (0, -5)])
async def test_what_was_counted_is_what_there_is(staff: Client, database: Database, found: int, delta: int) -> None:
    await staff.stock("TEE", "AMS", 5)

    answer = await staff.count(counted("TEE", found, 5))

    assert answer.status_code == 201
    [item] = answer.json()["items"]
    assert {**item, "movement_id": ""} == {"sku": "TEE", "warehouse": "AMS", "delta": delta, "on_hand": found, "movement_id": ""}
    assert staff.person
    assert await database.rows(LEDGER) == [(item["movement_id"], delta, found, str(staff.person.account_id))]
    assert await level(database) == (found, 0, 0)
    await assert_invariants(database)


async def test_finding_what_was_expected_moves_nothing(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("MUG", "AMS", 5)

    answer = await staff.count(counted("TEE", 5, 5), counted("MUG", 4, 5))

    assert [(one["delta"], one["movement_id"] is None) for one in answer.json()["items"]] == [(0, True), (-1, False)]
    assert len(await database.rows(LEDGER)) == 1
    await assert_invariants(database)


@pytest.mark.parametrize("on_shortage", ["reject", "displace"])
async def test_who_did_not_see_the_last_delivery_counts_again(staff: Client, database: Database, on_shortage: str) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("MUG", "AMS", 5)

    async with nothing_changes(database):
        answer = await staff.count(counted("MUG", 4, 5), counted("TEE", 3, 4), on_shortage=on_shortage)

    [fault] = assert_problem(answer, 409, "count_conflict")["errors"]
    assert fault == {"pointer": "/items/1", "sku": "TEE", "warehouse": "AMS", "expected_on_hand": 4, "on_hand": 5}


async def test_a_reservation_meanwhile_is_no_reason_to_count_again(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await place(customer, 2)

    assert (await staff.count(counted("TEE", 4, 5))).status_code == 201
    await assert_invariants(database)


async def test_promised_units_cannot_be_counted_away(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await place(customer, 2)
    await customer.confirm(await place(customer, 1))

    async with nothing_changes(database):
        answer = await staff.count(counted("TEE", 2, 5))

    [fault] = assert_problem(answer, 409, "stock_below_reserved")["errors"]
    assert (fault["pointer"], fault["promised"]) == ("/items/0", 3)
    assert (await staff.count(counted("TEE", 3, 5))).status_code == 201
    await assert_invariants(database)


async def test_where_holds_give_way_the_newest_do_and_no_more_than_must(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    _, _, newest = [await place(customer, quantity) for quantity in (1, 2, 2)]

    answer = await displace(staff, 3)

    assert answer.status_code == 201
    assert await database.rows(STATES) == [("held", None), ("held", None), ("cancelled", "displaced")]
    assert await database.rows(TOLD, newest) == [("reservation.held",), ("reservation.displaced",)]
    assert await level(database) == (3, 3, 0)
    body = (await customer.reservation(newest)).json()
    assert (body["state"], body["close_reason"], body["version"], body["links"].keys()) == ("cancelled", "displaced", 2, {"self"})
    assert [one["released"] for one in body["lines"]] == [2]
    await assert_invariants(database)


async def test_holds_that_fit_stay(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5, backorder_limit=1)
    for quantity in (2, 2):
        await place(customer, quantity)

    assert (await displace(staff, 3)).status_code == 201

    assert await database.rows(STATES) == [("held", None)] * 2
    await assert_invariants(database)


async def test_holds_that_are_over_give_way_first_and_are_told_that_they_are_over(
    customer: Client, staff: Client, database: Database
) -> None:
    await staff.stock("TEE", "AMS", 5)
    over = await place(customer, 2)
    await place(customer, 3)
    await expire(database, over)

    assert (await displace(staff, 3)).status_code == 201

    assert sorted(await database.rows("SELECT state FROM reservations")) == [("expired",), ("held",)]
    assert await database.rows(TOLD, over) == [("reservation.held",), ("reservation.expired",)]
    assert await level(database) == (3, 3, 0)
    await assert_invariants(database)


async def test_what_is_confirmed_never_gives_way(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await place(customer, 2)
    await customer.confirm(await place(customer, 3))

    async with nothing_changes(database):
        refused = await displace(staff, 2)
    taken = await displace(staff, 3)

    [fault] = assert_problem(refused, 409, "stock_below_reserved")["errors"]
    assert fault == {"pointer": "/items/0", "sku": "TEE", "warehouse": "AMS", "counted": 2, "allocated": 3}
    assert taken.status_code == 201
    assert await database.rows(STATES) == [("cancelled", "displaced"), ("confirmed", None)]
    assert await level(database) == (3, 0, 3)
    await assert_invariants(database)


async def test_who_loses_one_line_loses_the_basket_and_gives_back_all_of_it(
    api: Api, customer: Client, staff: Client, database: Database
) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("MUG", "AMS", 5)
    await customer.place(line("TEE", 1), line("MUG", 1))
    await (await api.customer()).place(line("TEE", 4), line("MUG", 4))

    answer = await staff.count(counted("TEE", 2, 5), counted("MUG", 2, 5), on_shortage="displace")

    assert answer.status_code == 201
    assert await database.rows(STATES) == [("held", None), ("cancelled", "displaced")]
    assert (await level(database, "TEE"), await level(database, "MUG")) == ((2, 1, 0), (2, 1, 0))
    await assert_invariants(database)


async def test_a_place_is_counted_once_and_exists(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        twice = await staff.count(counted("TEE", 4, 5), counted("TEE", 3, 5))
        nowhere = await staff.count(counted("TEE", 4, 5), counted("TEE", 3, 5, "BER"))

    assert [fault["pointer"] for fault in assert_problem(twice, 422, "duplicate_items")["errors"]] == ["/items/0", "/items/1"]
    assert_fault(nowhere, "/items/1", code="unknown_stock_item")


async def test_the_newest_gives_way_first_even_where_an_older_one_makes_room_for_both(
    customer: Client, staff: Client, database: Database
) -> None:
    await staff.stock("TEE", "AMS", 4)
    await staff.stock("MUG", "AMS", 2)
    await customer.place(line("TEE", 2), line("MUG", 2))
    await place(customer, 2)

    answer = await staff.count(counted("TEE", 2, 4), counted("MUG", 0, 2), on_shortage="displace")

    assert answer.status_code == 201
    assert await database.rows(STATES) == [("cancelled", "displaced")] * 2
    await assert_invariants(database)
