"""Without these, somebody is promised units that are not there, or part of a basket, or a warehouse they did not choose."""

import asyncpg
import pytest

from tests.support.api import Client, Json, line
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.problems import assert_fault, assert_problem, nothing_changes


async def counters(database: Database) -> list[tuple[str, int, int, int]]:
    """Of each warehouse: on hand, held, allocated."""
    rows = await database.rows("SELECT warehouse, on_hand, held, allocated FROM stock_now ORDER BY sku, warehouse")
    return [(warehouse, on_hand, held, allocated) for warehouse, on_hand, held, allocated in rows]


async def test_a_reservation_holds_units_and_tells_what_it_holds(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    answer = await customer.place(line("TEE", 2), external_ref="cart-81", metadata={"channel": "web"}, ttl_seconds=60)

    assert answer.status_code == 201
    body = answer.json()
    path = f"/v1/reservations/{body['id']}"
    assert answer.headers["Location"] == path
    assert answer.headers["ETag"] == '"1"'
    assert body["lines"] == [{"sku": "TEE", "warehouse": "AMS", "quantity": 2, "fulfilled": 0, "released": 0}]
    assert body["links"] == {"self": path} | {move: f"{path}/{move}" for move in ("confirm", "cancel", "extend", "lines")}
    assert customer.person
    assert (body["state"], body["account_id"], body["version"]) == ("held", str(customer.person.account_id), 1)
    assert (body["external_ref"], body["metadata"]) == ("cart-81", {"channel": "web"})
    assert (body["confirmed_at"], body["closed_at"], body["close_reason"]) == (None, None, None)
    assert await database.rows("SELECT expires_at - created_at = interval '60 s' FROM reservations") == [(True,)]
    assert await counters(database) == [("AMS", 5, 2, 0)]
    await assert_invariants(database)


async def test_a_reservation_reads_as_it_was_answered(customer: Client, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)
    placed = (await customer.place(line("TEE", 2))).json()

    read = await customer.reservation(placed["id"])

    assert read.status_code == 200
    assert read.headers["ETag"] == '"1"'
    assert {**read.json(), "server_time": placed["server_time"]} == placed
    assert read.json()["server_time"] > placed["server_time"]
    assert placed["server_time"].endswith("Z")


async def test_more_than_there_is_cannot_be_held(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        answer = await customer.place(line("TEE", 6))

    problem = assert_problem(answer, 409, "insufficient_stock")
    assert problem["retryable"]
    assert problem["detail"] == "1 of 1 lines cannot be held, so none is"
    assert problem["errors"] == [{"pointer": "/lines/0", "sku": "TEE", "warehouse": None, "requested": 6, "available": 5}]


async def test_a_basket_that_cannot_be_filled_holds_nothing(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("MUG", "AMS", 1)

    async with nothing_changes(database):
        answer = await customer.place(line("TEE", 2), line("MUG", 2))

    problem = assert_problem(answer, 409, "insufficient_stock")
    assert [(fault["pointer"], fault["available"]) for fault in problem["errors"]] == [("/lines/1", 1)]


async def test_lines_for_one_item_are_one_line(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    answer = await customer.place(line("TEE", 2, "AMS"), line("TEE", 2, "AMS"), line("TEE"))

    assert [(one["warehouse"], one["quantity"]) for one in answer.json()["lines"]] == [("AMS", 5)]
    assert await counters(database) == [("AMS", 5, 5, 0)]
    await assert_invariants(database)


async def test_one_item_cannot_be_oversold_in_small_lines(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        merged = await customer.place(line("TEE", 3), line("TEE", 3))
        apart = await customer.place(line("TEE", 3), line("TEE", 3, "AMS"))

    assert assert_problem(merged, 409, "insufficient_stock")["errors"][0]["requested"] == 6
    assert assert_problem(apart, 409, "insufficient_stock")["errors"][0]["available"] == 2


async def test_a_line_goes_to_the_first_warehouse_that_can_take_all_of_it(customer: Client, staff: Client, database: Database) -> None:
    for code, priority, on_hand in (("AMS", 10, 2), ("CPH", 20, 5), ("BER", 30, 9)):
        await staff.create_warehouse(code, priority=priority)
        await staff.stock("TEE", code, on_hand)

    answer = await customer.place(line("TEE", 3))

    assert [one["warehouse"] for one in answer.json()["lines"]] == ["CPH"]
    assert await counters(database) == [("AMS", 2, 0, 0), ("BER", 9, 0, 0), ("CPH", 5, 3, 0)]


async def test_a_line_is_not_split_over_warehouses(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 2)
    await staff.stock("TEE", "BER", 3)

    async with nothing_changes(database):
        answer = await customer.place(line("TEE", 4))

    assert assert_problem(answer, 409, "insufficient_stock")["errors"][0]["available"] == 3


async def test_a_line_that_names_its_warehouse_chooses_before_those_that_do_not(customer: Client, staff: Client) -> None:
    for code, priority in (("AMS", 10), ("BER", 20)):
        await staff.create_warehouse(code, priority=priority)
        await staff.stock("TEE", code, 2)

    answer = await customer.place(line("TEE", 2), line("TEE", 1, "AMS"))

    assert [(one["warehouse"], one["quantity"]) for one in answer.json()["lines"]] == [("AMS", 1), ("BER", 2)]


async def test_a_named_warehouse_wins_over_a_nearer_one(customer: Client, staff: Client, database: Database) -> None:
    await staff.create_warehouse("AMS", priority=10)
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("TEE", "BER", 1)

    async with nothing_changes(database):
        refused = await customer.place(line("TEE", 2, "BER"))
    taken = await customer.place(line("TEE", 1, "BER"))

    assert assert_problem(refused, 409, "insufficient_stock")["errors"][0]["warehouse"] == "BER"
    assert taken.json()["lines"][0]["warehouse"] == "BER"


async def test_with_the_explicit_strategy_every_line_names_its_warehouse(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        refused = await customer.place(line("TEE", 1, "AMS"), line("TEE"), strategy="explicit")
    taken = await customer.place(line("TEE", 1, "AMS"), strategy="explicit")

    assert_fault(refused, "/lines/1/warehouse")
    assert taken.status_code == 201


async def test_safety_stock_is_kept_back_and_backorders_go_below_zero(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5, safety_stock=2)
    await staff.stock("MUG", "AMS", 0, backorder_limit=3)

    async with nothing_changes(database):
        assert_problem(await customer.place(line("TEE", 4)), 409, "insufficient_stock")
        assert_problem(await customer.place(line("MUG", 4)), 409, "insufficient_stock")

    assert (await customer.place(line("TEE", 3), line("MUG", 3))).status_code == 201
    await assert_invariants(database)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (line("NOPE"), "unknown_sku"),
        (line("tee"), "unknown_sku"),
        (line("OLD"), "unknown_sku"),
        (line("TEE", 1, "NOPE"), "unknown_warehouse"),
        (line("TEE", 1, "SHUT"), "unknown_warehouse"),
    ],
)
async def test_what_is_not_sold_cannot_be_held(customer: Client, staff: Client, database: Database, asked: Json, code: str) -> None:
    for sku, warehouse in (("TEE", "AMS"), ("OLD", "AMS"), ("TEE", "SHUT")):
        await staff.stock(sku, warehouse, 5)
    await database.do("UPDATE products SET status = 'archived' WHERE sku = 'OLD'")
    await database.do("UPDATE warehouses SET status = 'archived' WHERE code = 'SHUT'")

    async with nothing_changes(database):
        answer = await customer.place(line("TEE"), asked)

    assert_fault(answer, "/lines/1", code=code)


async def test_a_product_that_lies_nowhere_is_sold_out(customer: Client, staff: Client, database: Database) -> None:
    await staff.create_product("TEE")
    await staff.create_warehouse("AMS")

    async with nothing_changes(database):
        for asked in (line("TEE"), line("TEE", 1, "AMS")):
            assert assert_problem(await customer.place(asked), 409, "insufficient_stock")["errors"][0]["available"] == 0


@pytest.mark.parametrize("on_hand", [5, 1_000_001])
async def test_an_item_gets_no_more_than_a_million_units_not_even_merged(staff: Client, database: Database, on_hand: int) -> None:
    await staff.stock("TEE", "AMS", on_hand)

    async with nothing_changes(database):
        answer = await staff.place(line("TEE", 1_000_000), line("TEE", 1))

    assert "1,000,000" in assert_problem(answer, 422, "validation_error")["detail"]


async def test_an_order_cannot_lock_half_the_warehouse(customer: Client, staff: Client, database: Database) -> None:
    skus = [f"TEE-{n}" for n in range(22)]
    for code in ("AMS", "BER", "CPH"):
        await staff.create_warehouse(code)
    for sku in skus:
        await staff.create_product(sku)
    await database.do("INSERT INTO stock_items SELECT gen_random_uuid(), product_id, warehouse_id FROM products, warehouses")
    await database.do("INSERT INTO stock_levels (item_id, backorder_limit) SELECT item_id, 5 FROM stock_items")

    async with nothing_changes(database):
        refused = await customer.place(*(line(sku) for sku in skus))
    taken = await customer.place(*(line(sku) for sku in skus[:21]))

    assert "64" in assert_problem(refused, 422, "validation_error")["detail"]
    assert taken.status_code == 201


@pytest.mark.parametrize("change", ["held = held + 1", "allocated = allocated + 1", "on_hand = on_hand - 1"])
async def test_not_even_a_direct_write_can_oversell(customer: Client, staff: Client, database: Database, change: str) -> None:
    await staff.stock("TEE", "AMS", 5)
    await customer.place(line("TEE", 5))

    async with nothing_changes(database):
        with pytest.raises(asyncpg.CheckViolationError, match="promises_do_not_exceed_stock"):
            await database.do(f"UPDATE stock_levels SET {change}")  # noqa: S608  # three constants


async def test_a_stock_item_that_two_lines_could_have_is_locked_once(customer: Client, staff: Client, database: Database) -> None:
    skus = [f"TEE-{n}" for n in range(21)]
    for code in ("AMS", "BER", "CPH"):
        await staff.create_warehouse(code)
    for sku in skus:
        await staff.create_product(sku)
    await database.do("INSERT INTO stock_items SELECT gen_random_uuid(), product_id, warehouse_id FROM products, warehouses")
    await database.do("INSERT INTO stock_levels (item_id, backorder_limit) SELECT item_id, 5 FROM stock_items")

    answer = await customer.place(*(line(sku) for sku in skus), *(line(sku, 1, "AMS") for sku in skus[:2]))

    assert answer.status_code == 201, answer.text  # 63 items, though 65 choices
