"""Without these, half a delivery is booked, the ledger does not explain the shelf, or units leave that are promised."""

import httpx
import pytest

from tests.support.api import Client, Json, line
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.problems import assert_fault, assert_problem, nothing_changes


def item(sku: str, delta: int, warehouse: str = "AMS") -> Json:
    return {"sku": sku, "warehouse": warehouse, "delta": delta}


async def adjust(staff: Client, *items: Json, **body: str) -> httpx.Response:
    headers = {"Idempotency-Key": "k1"}
    return await staff.http.post("/v1/stock-adjustments", json={"reason": "adjustment", "items": items, **body}, headers=headers)


async def test_each_item_is_moved_and_written_into_the_ledger(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("MUG", "AMS", 2)

    answer = await adjust(staff, item("TEE", -3), item("MUG", 4), reason="damage", reference="truck 7")

    assert answer.status_code == 201
    told = [(one["sku"], one["warehouse"], one["delta"], one["on_hand"]) for one in answer.json()["items"]]
    assert told == [("TEE", "AMS", -3, 2), ("MUG", "AMS", 4, 6)]
    assert staff.person
    ledger = await database.rows(
        "SELECT movement_id::text, delta, on_hand_after, reason, reference, actor FROM stock_movements WHERE reason <> 'receipt'"
        " ORDER BY delta"
    )
    by = str(staff.person.account_id)
    ids = [one["movement_id"] for one in answer.json()["items"]]
    assert ledger == [(ids[0], -3, 2, "damage", "truck 7", by), (ids[1], 4, 6, "damage", "truck 7", by)]
    await assert_invariants(database)


async def test_one_item_that_cannot_move_keeps_all_of_them(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("MUG", "AMS", 2)

    async with nothing_changes(database):
        answer = await adjust(staff, item("TEE", 1), item("MUG", -3))

    [fault] = assert_problem(answer, 409, "insufficient_on_hand")["errors"]
    assert fault == {"pointer": "/items/1", "sku": "MUG", "warehouse": "AMS", "delta": -3, "on_hand": 2}


async def test_promised_units_cannot_leave(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await customer.confirm((await customer.place(line("TEE", 2))).json()["id"])
    await customer.place(line("TEE", 1))

    async with nothing_changes(database):
        refused = await adjust(staff, item("TEE", -3))

    assert assert_problem(refused, 409, "stock_below_reserved")["errors"][0]["promised"] == 3
    assert (await adjust(staff, item("TEE", -2))).status_code == 201
    await assert_invariants(database)


async def test_units_promised_as_backorders_may_be_missing(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5, backorder_limit=2)
    await customer.place(line("TEE", 4))

    async with nothing_changes(database):
        refused = await adjust(staff, item("TEE", -4))

    assert_problem(refused, 409, "stock_below_reserved")
    assert (await adjust(staff, item("TEE", -3))).status_code == 201


async def test_a_shelf_has_room_for_a_billion(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 999_999_999)

    async with nothing_changes(database):
        refused = await adjust(staff, item("TEE", 2))

    assert_problem(refused, 409, "on_hand_limit_exceeded")
    assert (await adjust(staff, item("TEE", 1))).json()["items"][0]["on_hand"] == 1_000_000_000


async def test_an_item_is_named_once(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        answer = await adjust(staff, item("TEE", 1), item("TEE", 1))

    assert [fault["pointer"] for fault in assert_problem(answer, 422, "duplicate_items")["errors"]] == ["/items/0", "/items/1"]


@pytest.mark.parametrize("unknown", [item("NOPE", 1), item("TEE", 1, "NOPE"), item("MUG", 1)])
async def test_what_is_not_stocked_there_cannot_be_moved(staff: Client, database: Database, unknown: Json) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.create_product("MUG")

    async with nothing_changes(database):
        answer = await adjust(staff, item("TEE", 1), unknown)

    assert_fault(answer, "/items/1", code="unknown_stock_item")


async def test_these_reasons_are_a_persons_to_give(staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)

    for reason in ("receipt", "adjustment", "return", "damage"):
        assert (await staff.adjust("TEE", "AMS", 1, reason=reason)).status_code == 201


async def test_500_items_are_the_most_at_once(staff: Client, database: Database) -> None:
    await staff.create_warehouse("AMS")
    await database.do("INSERT INTO products (product_id, sku, name) SELECT gen_random_uuid(), 'P' || n, 'P' FROM generate_series(1, 501) n")
    await database.do("INSERT INTO stock_items SELECT gen_random_uuid(), product_id, warehouse_id FROM products, warehouses")
    await database.do("INSERT INTO stock_levels (item_id) SELECT item_id FROM stock_items")
    items = [item(f"P{n}", 1) for n in range(1, 502)]

    async with nothing_changes(database):
        refused = await adjust(staff, *items)
    taken = await adjust(staff, *items[:500])

    assert_fault(refused, "/items")
    assert taken.status_code == 201
    assert await database.rows("SELECT count(*), sum(on_hand_after) FROM stock_movements") == [(500, 500)]
    await assert_invariants(database)


async def test_what_is_possible_moves_and_what_is_not_is_told(customer: Client, staff: Client, database: Database) -> None:
    for sku in ("TEE", "MUG", "CAP"):
        await staff.stock(sku, "AMS", 5)
    await customer.place(line("CAP", 4))

    answer = await adjust(staff, item("MUG", -6), item("TEE", -3), item("CAP", -2), on_error="reject_failed")

    assert answer.status_code == 201
    assert [(one["sku"], one["delta"], one["on_hand"]) for one in answer.json()["items"]] == [("TEE", -3, 2)]
    place = {"warehouse": "AMS", "on_hand": 5}
    assert answer.json()["failed"] == [
        {**place, "pointer": "/items/0", "sku": "MUG", "delta": -6, "code": "insufficient_on_hand"},
        {**place, "pointer": "/items/2", "sku": "CAP", "delta": -2, "promised": 4, "code": "stock_below_reserved"},
    ]
    assert await database.rows("SELECT delta FROM stock_movements WHERE reason = 'adjustment'") == [(-3,)]
    await assert_invariants(database)


async def test_where_nothing_is_possible_nothing_moves(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    answer = await adjust(staff, item("TEE", -6), on_error="reject_failed")

    assert (answer.status_code, answer.json()["items"], len(answer.json()["failed"])) == (201, [], 1)
    assert await database.rows("SELECT count(*) FROM stock_movements") == [(1,)]


async def test_an_item_that_nobody_knows_fails_alone_too(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    answer = await adjust(staff, item("NOPE", 1), item("TEE", 1), on_error="reject_failed")

    assert answer.status_code == 201
    assert [(one["sku"], one["on_hand"]) for one in answer.json()["items"]] == [("TEE", 6)]
    nope = {"pointer": "/items/0", "sku": "NOPE", "warehouse": "AMS", "delta": 1, "code": "unknown_stock_item"}
    assert answer.json()["failed"] == [nope]
    await assert_invariants(database)
