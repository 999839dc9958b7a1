"""Without these, units that travel between warehouses are in both, in neither, or taken from under a promise."""

import pytest

from tests.support.api import Client, Json, line
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.levels import level
from tests.support.problems import assert_fault, assert_problem, nothing_changes

LEDGER = (
    "SELECT movement_id::text, warehouse, delta, on_hand_after, reason, reference, actor"
    " FROM stock_movements JOIN stock_now USING (item_id) WHERE reason LIKE 'transfer%' ORDER BY delta"
)


def moved(sku: str, quantity: int) -> Json:
    return {"sku": sku, "quantity": quantity}


async def shelves(staff: Client, *, near: int = 5, far: int = 1, **settings: int) -> None:
    """Tees in two warehouses."""
    await staff.stock("TEE", "AMS", near, **settings)
    await staff.stock("TEE", "BER", far)


async def test_units_leave_one_warehouse_and_arrive_in_the_other(staff: Client, database: Database) -> None:
    await shelves(staff)

    answer = await staff.transfer("AMS", "BER", moved("TEE", 3), reference="truck 7")

    assert answer.status_code == 201
    left, arrived = answer.json()["items"]
    assert {**left, "movement_id": ""} == {"sku": "TEE", "warehouse": "AMS", "delta": -3, "on_hand": 2, "movement_id": ""}
    assert {**arrived, "movement_id": ""} == {"sku": "TEE", "warehouse": "BER", "delta": 3, "on_hand": 4, "movement_id": ""}
    assert staff.person
    by = str(staff.person.account_id)
    assert await database.rows(LEDGER) == [
        (left["movement_id"], "AMS", -3, 2, "transfer_out", "truck 7", by),
        (arrived["movement_id"], "BER", 3, 4, "transfer_in", "truck 7", by),
    ]
    assert (await level(database), await level(database, warehouse="BER")) == ((2, 0, 0), (4, 0, 0))
    await assert_invariants(database)


async def test_promised_units_stay(customer: Client, staff: Client, database: Database) -> None:
    await shelves(staff)
    await customer.place(line("TEE", 2, "AMS"))
    await customer.confirm((await customer.place(line("TEE", 1, "AMS"))).json()["id"])

    async with nothing_changes(database):
        refused = await staff.transfer("AMS", "BER", moved("TEE", 3))

    [fault] = assert_problem(refused, 409, "insufficient_available")["errors"]
    assert fault == {"pointer": "/items/0", "sku": "TEE", "warehouse": "AMS", "requested": 3, "available": 2}
    assert (await staff.transfer("AMS", "BER", moved("TEE", 2))).status_code == 201
    await assert_invariants(database)


async def test_units_that_have_not_arrived_cannot_travel(staff: Client, database: Database) -> None:
    await shelves(staff, near=2, backorder_limit=9)

    async with nothing_changes(database):
        refused = await staff.transfer("AMS", "BER", moved("TEE", 3))

    assert assert_problem(refused, 409, "insufficient_available")["errors"][0]["available"] == 2


async def test_safety_stock_is_no_promise(staff: Client, database: Database) -> None:
    await shelves(staff, safety_stock=5)

    assert (await staff.transfer("AMS", "BER", moved("TEE", 5))).status_code == 201
    await assert_invariants(database)


async def test_everything_on_the_list_travels_or_nothing(staff: Client, database: Database) -> None:
    await shelves(staff)
    for warehouse in ("AMS", "BER"):
        await staff.stock("MUG", warehouse, 1)

    async with nothing_changes(database):
        refused = await staff.transfer("AMS", "BER", moved("TEE", 1), moved("MUG", 2))
    taken = await staff.transfer("AMS", "BER", moved("TEE", 1), moved("MUG", 1))

    assert [fault["pointer"] for fault in assert_problem(refused, 409, "insufficient_available")["errors"]] == ["/items/1"]
    assert [(one["sku"], one["warehouse"]) for one in taken.json()["items"]] == [
        ("TEE", "AMS"),
        ("MUG", "AMS"),
        ("TEE", "BER"),
        ("MUG", "BER"),
    ]
    await assert_invariants(database)


@pytest.mark.parametrize(("source", "target"), [("AMS", "CPH"), ("CPH", "AMS"), ("NOPE", "AMS")])
async def test_units_travel_between_places_that_exist(staff: Client, database: Database, source: str, target: str) -> None:
    await shelves(staff)
    await staff.create_warehouse("CPH")

    async with nothing_changes(database):
        answer = await staff.transfer(source, target, moved("TEE", 1))

    assert_fault(answer, "/items/0", code="unknown_stock_item")


async def test_a_product_is_on_the_list_once(staff: Client, database: Database) -> None:
    await shelves(staff)

    async with nothing_changes(database):
        answer = await staff.transfer("AMS", "BER", moved("TEE", 1), moved("TEE", 1))

    faults = assert_problem(answer, 422, "duplicate_items")["errors"]
    assert [fault["pointer"] for fault in faults] == ["/items/0", "/items/1"]


async def test_a_transfer_within_a_warehouse_is_none(staff: Client, database: Database) -> None:
    await shelves(staff)

    async with nothing_changes(database):
        answer = await staff.transfer("AMS", "AMS", moved("TEE", 1))

    assert assert_fault(answer, "/to") == "must be another warehouse than from"


async def test_a_shelf_that_is_full_takes_no_more(staff: Client, database: Database) -> None:
    await shelves(staff, far=1_000_000_000)

    async with nothing_changes(database):
        answer = await staff.transfer("AMS", "BER", moved("TEE", 1))

    assert_problem(answer, 409, "on_hand_limit_exceeded")
