"""Without these, a hold that is over keeps units from everybody else until some job runs, or comes back to life.

No job runs in any of them: only the database's clock moves.
"""

import pytest

from tests.support.api import Api, Client, counted, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.levels import level
from tests.support.problems import assert_problem, nothing_changes


async def over(customer: Client, staff: Client, database: Database, on_hand: int = 5) -> str:
    """The id of a hold of everything there is, whose time is over."""
    await staff.stock("TEE", "AMS", on_hand)
    reservation: str = (await customer.place(line("TEE", on_hand))).json()["id"]
    await expire(database, reservation)
    return reservation


@pytest.mark.parametrize("transition", ["confirm", "cancel"])
async def test_a_hold_past_its_time_is_past_changing(customer: Client, staff: Client, database: Database, transition: str) -> None:
    reservation = await over(customer, staff, database)

    async with nothing_changes(database):
        answer = await getattr(customer, transition)(reservation)

    detail = assert_problem(answer, 409, "reservation_expired")["detail"]
    assert detail.startswith(f"reservation {reservation} expired at 20")
    assert detail.endswith("Z; place a new one")


async def test_a_hold_past_its_time_reads_as_expired(customer: Client, staff: Client, database: Database) -> None:
    reservation = await over(customer, staff, database)

    read = (await customer.reservation(reservation)).json()

    assert (read["state"], read["links"].keys()) == ("expired", {"self"})
    assert read["expires_at"] < read["server_time"]
    assert await database.rows("SELECT state FROM reservations") == [("held",)]


async def test_its_units_are_available_to_everybody(customer: Client, staff: Client, nobody: Client, database: Database) -> None:
    await over(customer, staff, database)

    [item] = (await nobody.availability("TEE")).json()["items"]
    [level] = (await staff.levels()).json()["items"]

    assert item == {"sku": "TEE", "warehouse": "AMS", "available": 5}
    assert (level["held"], level["available"]) == (5, 5)


async def test_another_customer_gets_the_unit(api: Api, customer: Client, staff: Client, database: Database) -> None:
    await over(customer, staff, database, on_hand=1)

    answer = await (await api.customer()).place(line("TEE"))

    assert answer.status_code == 201
    ended = "SELECT state, close_reason, closed_at IS NOT NULL, version FROM reservations ORDER BY created_at"
    assert await database.rows(ended) == [("expired", "expired", True, 2), ("held", None, False, 1)]
    await assert_invariants(database)


async def test_the_units_of_a_hold_that_is_over_are_given_away_once(customer: Client, staff: Client, database: Database) -> None:
    await over(customer, staff, database, on_hand=3)
    assert (await customer.place(line("TEE", 2))).status_code == 201

    async with nothing_changes(database):
        answer = await customer.place(line("TEE", 2))

    assert assert_problem(answer, 409, "insufficient_stock")["errors"][0]["available"] == 1
    await assert_invariants(database)


async def test_a_live_hold_is_not_ended_with_those_that_are_over(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 2)
    first, second = [(await customer.place(line("TEE"))).json()["id"] for _ in range(2)]
    await expire(database, first)
    await customer.place(line("TEE"))

    assert (await customer.confirm(second)).status_code == 200
    await assert_invariants(database)


async def test_a_confirmed_reservation_has_no_clock(customer: Client, staff: Client, nobody: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 1)
    reservation = (await customer.place(line("TEE"))).json()["id"]
    await customer.confirm(reservation)
    await expire(database, reservation)

    async with nothing_changes(database):
        refused = await customer.place(line("TEE"))

    assert_problem(refused, 409, "insufficient_stock")
    assert (await customer.reservation(reservation)).json()["state"] == "confirmed"
    assert (await nobody.availability("TEE")).json()["items"][0]["available"] == 0


async def test_a_hold_that_was_ended_stays_ended(api: Api, customer: Client, staff: Client, database: Database) -> None:
    reservation = await over(customer, staff, database, on_hand=1)
    await (await api.customer()).place(line("TEE"))

    async with nothing_changes(database):
        answers = [await customer.confirm(reservation), await customer.cancel(reservation)]

    for answer in answers:
        assert_problem(answer, 409, "reservation_expired")


async def test_its_units_can_leave(customer: Client, staff: Client, database: Database) -> None:
    await over(customer, staff, database)

    left = await staff.adjust("TEE", "AMS", -4, reason="damage")
    counted_now = await staff.count(counted("TEE", 0, expected=1))

    assert (left.status_code, counted_now.status_code) == (201, 201)
    assert await level(database) == (0, 0, 0)
    await assert_invariants(database)


async def test_its_units_can_be_carried_away(customer: Client, staff: Client, database: Database) -> None:
    await over(customer, staff, database)
    await staff.stock("TEE", "BER", 0)

    answer = await staff.transfer("AMS", "BER", {"sku": "TEE", "quantity": 5})

    assert answer.status_code == 201
    await assert_invariants(database)


async def test_backorders_that_it_relied_on_can_be_taken_back(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 1, backorder_limit=4)
    await expire(database, (await customer.place(line("TEE", 3))).json()["id"])
    body = {"safety_stock": 0, "backorder_limit": 0, "low_stock_at": 0}

    answer = await staff.http.put("/v1/products/TEE/stock/AMS", json=body, headers={"If-Match": '"1"'})

    assert answer.status_code == 200
    await assert_invariants(database)
