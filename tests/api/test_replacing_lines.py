"""Without these, whoever changes their mind loses what they had, or takes what is not there."""

from typing import Any

import pytest

from tests.support.api import Api, Client, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.levels import level
from tests.support.problems import assert_problem, nothing_changes


async def held(customer: Client, staff: Client, quantity: int = 2) -> str:
    """The id of a hold of some of 5 tees; there are 5 mugs too."""
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("MUG", "AMS", 5)
    placed = await customer.place(line("TEE", quantity), external_ref="cart-81", metadata={"channel": "web"})
    reservation: str = placed.json()["id"]
    return reservation


def lines_of(body: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(one["sku"], one["warehouse"]): one["quantity"] for one in body["lines"]}


@pytest.mark.parametrize(
    ("wanted", "tees", "mugs"),
    [
        ({"TEE": 3}, 3, 0),
        ({"TEE": 1}, 1, 0),
        ({"MUG": 4}, 0, 4),
        ({"TEE": 5, "MUG": 5}, 5, 5),
    ],
)
async def test_a_hold_gets_other_lines(
    customer: Client, staff: Client, database: Database, *, wanted: dict[str, int], tees: int, mugs: int
) -> None:
    reservation = await held(customer, staff)
    before = (await customer.reservation(reservation)).json()

    answer = await customer.replace_lines(reservation, *(line(sku, quantity) for sku, quantity in wanted.items()))

    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    body = answer.json()
    assert lines_of(body) == {(sku, "AMS"): quantity for sku, quantity in wanted.items()}
    unchanged = {"id", "state", "expires_at", "created_at", "external_ref", "metadata"}
    assert {name: body[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert (await level(database, "TEE"), await level(database, "MUG")) == ((5, tees, 0), (5, mugs, 0))
    await assert_invariants(database)


async def test_what_one_holds_already_never_stands_in_ones_way(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff, quantity=4)

    assert (await customer.replace_lines(reservation, line("TEE", 5))).status_code == 200
    async with nothing_changes(database):
        refused = await customer.replace_lines(reservation, line("TEE", 6))

    [fault] = assert_problem(refused, 409, "insufficient_stock")["errors"]
    assert fault == {"pointer": "/lines/0", "sku": "TEE", "warehouse": None, "requested": 6, "available": 5}


async def test_safety_stock_that_was_raised_since_takes_nothing_from_who_wants_less(
    customer: Client, staff: Client, database: Database
) -> None:
    reservation = await held(customer, staff, quantity=5)
    await database.do("UPDATE stock_levels SET safety_stock = 3")

    assert (await customer.replace_lines(reservation, line("TEE", 4))).status_code == 200
    assert (await customer.replace_lines(reservation, line("TEE", 4), line("MUG", 2))).status_code == 200
    async with nothing_changes(database):
        assert_problem(await customer.replace_lines(reservation, line("TEE", 5)), 409, "insufficient_stock")
    await assert_invariants(database)


async def test_what_others_hold_does(api: Api, customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)
    await (await api.customer()).place(line("TEE", 2))

    async with nothing_changes(database):
        assert_problem(await customer.replace_lines(reservation, line("TEE", 4)), 409, "insufficient_stock")


async def test_all_lines_are_replaced_or_none(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)

    async with nothing_changes(database):
        answer = await customer.replace_lines(reservation, line("TEE", 1), line("MUG", 6))

    [fault] = assert_problem(answer, 409, "insufficient_stock")["errors"]
    assert (fault["pointer"], fault["available"]) == ("/lines/1", 5)


async def test_units_of_a_hold_that_is_over_can_be_had_though_no_job_ran(
    api: Api, customer: Client, staff: Client, database: Database
) -> None:
    reservation = await held(customer, staff)
    other = (await (await api.customer()).place(line("TEE", 3))).json()["id"]
    await expire(database, other)

    assert (await customer.replace_lines(reservation, line("TEE", 5))).status_code == 200
    assert await level(database) == (5, 5, 0)
    await assert_invariants(database)


async def test_the_same_lines_change_nothing(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)

    async with nothing_changes(database):
        answers = [
            await customer.replace_lines(reservation, line("TEE", 2)),
            await customer.replace_lines(reservation, line("TEE", 1), line("TEE", 1, "AMS")),
        ]

    assert [(answer.status_code, answer.headers["ETag"]) for answer in answers] == [(200, '"1"')] * 2


async def test_a_stale_picture_changes_nothing(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)
    assert (await customer.replace_lines(reservation, line("TEE", 3), if_match='"1"')).status_code == 200

    async with nothing_changes(database):
        stale = await customer.replace_lines(reservation, line("TEE", 1), if_match='"1"')

    assert_problem(stale, 412, "etag_mismatch")
    assert (await customer.replace_lines(reservation, line("TEE", 1), if_match='"2"')).status_code == 200


async def test_only_a_live_hold_gets_other_lines(customer: Client, staff: Client, database: Database) -> None:
    over = await held(customer, staff, quantity=1)
    confirmed, cancelled = [(await customer.place(line("TEE"))).json()["id"] for _ in range(2)]
    await expire(database, over)
    await customer.confirm(confirmed)
    await customer.cancel(cancelled)

    async with nothing_changes(database):
        answers = [await customer.replace_lines(reservation, line("MUG")) for reservation in (over, confirmed, cancelled)]

    codes = ["reservation_expired", "illegal_transition", "illegal_transition"]
    for answer, code in zip(answers, codes, strict=True):
        assert_problem(answer, 409, code)


async def test_only_its_owner_changes_it(api: Api, customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)
    other = await api.customer()

    async with nothing_changes(database):
        answers = [await each.replace_lines(reservation, line("MUG")) for each in (other, staff)]

    for answer in answers:
        assert_problem(answer, 404, "not_found")


async def test_what_nobody_sells_cannot_be_had_instead(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)
    path = f"/v1/reservations/{reservation}/lines"

    async with nothing_changes(database):
        no_sku = await customer.replace_lines(reservation, line("TEE"), line("NOPE"))
        no_warehouse = await customer.replace_lines(reservation, line("TEE", 1, "NOPE"))
        no_choice = await customer.http.put(path, json={"lines": [line("TEE")], "strategy": "explicit"})

    assert assert_problem(no_sku, 422, "unknown_sku")["errors"][0]["pointer"] == "/lines/1"
    assert assert_problem(no_warehouse, 422, "unknown_warehouse")["errors"][0]["pointer"] == "/lines/0"
    assert assert_problem(no_choice, 422, "validation_error")["errors"][0]["pointer"] == "/lines/0/warehouse"
