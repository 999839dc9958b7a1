"""Without these, two people who change a stock item at once overwrite each other, or a promise loses what it relies on."""

import httpx
import pytest

from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.problems import assert_problem, nothing_changes

PATH = "/v1/products/TEE/stock/AMS"


async def put(staff: Client, headers: dict[str, str], **body: int) -> httpx.Response:
    return await staff.http.put(PATH, json=body, headers=headers)


async def test_a_stock_item_is_created_once(staff: Client, database: Database) -> None:
    await staff.create_product("TEE")
    await staff.create_warehouse("AMS")

    created = await put(staff, {"If-None-Match": "*"}, safety_stock=1, low_stock_at=3)
    async with nothing_changes(database):
        again = await put(staff, {"If-None-Match": "*"}, safety_stock=2)

    assert (created.status_code, created.headers["ETag"]) == (201, '"1"')
    body = created.json()
    assert body.pop("item_id")
    assert body == {"sku": "TEE", "warehouse": "AMS", "safety_stock": 1, "backorder_limit": 0, "low_stock_at": 3, "version": 1}
    assert_problem(again, 412, "etag_mismatch")
    read = await staff.http.get(PATH)
    assert (read.status_code, read.headers["ETag"], read.json()) == (200, '"1"', created.json())


async def test_settings_change_for_whoever_has_read_them(staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)

    changed = await put(staff, {"If-Match": '"1"'}, safety_stock=2, backorder_limit=1)

    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert (await staff.http.get(PATH)).json() == changed.json()
    [level] = (await staff.levels()).json()["items"]
    assert (level["safety_stock"], level["backorder_limit"], level["available"]) == (2, 1, 4)


async def test_who_read_before_the_last_change_must_read_again(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    await put(staff, {"If-Match": '"1"'}, safety_stock=2)

    async with nothing_changes(database):
        answer = await put(staff, {"If-Match": '"1"'}, safety_stock=3)

    assert_problem(answer, 412, "etag_mismatch")


@pytest.mark.parametrize("precondition", ['"1"', "*", 'W/"7", "1"'])
async def test_a_precondition_that_holds_lets_the_change_through(staff: Client, precondition: str) -> None:
    await staff.stock("TEE", "AMS", 5)

    assert (await put(staff, {"If-Match": precondition}, safety_stock=1)).status_code == 200


async def test_a_precondition_that_does_not_hold_changes_nothing(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        for precondition in ("", "1", 'W/"1"', '"2"', '"one"', '"99999999999999999999"', '"²"'):
            answer = await staff.http.put(PATH, json={"safety_stock": 1}, headers=[(b"If-Match", precondition.encode("latin-1"))])
            assert_problem(answer, 412, "etag_mismatch")


async def test_only_what_exists_can_be_changed(staff: Client, database: Database) -> None:
    await staff.create_product("TEE")
    await staff.create_warehouse("AMS")

    async with nothing_changes(database):
        for precondition in ('"1"', "*"):
            assert_problem(await put(staff, {"If-Match": precondition}), 412, "etag_mismatch")
        assert_problem(await staff.http.get(PATH), 404, "not_found")


async def test_who_says_nothing_about_the_version_changes_nothing(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        answer = await put(staff, {}, safety_stock=1)

    assert_problem(answer, 428, "precondition_required")


async def test_backorders_that_are_promised_cannot_be_taken_back(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 1, backorder_limit=4)
    await customer.place(line("TEE", 3))

    async with nothing_changes(database):
        refused = await put(staff, {"If-Match": '"1"'}, backorder_limit=1)

    assert_problem(refused, 409, "limit_below_reserved")
    assert (await put(staff, {"If-Match": '"1"'}, backorder_limit=2)).status_code == 200


async def test_safety_stock_may_rise_above_what_is_left(customer: Client, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)
    await customer.place(line("TEE", 3))

    assert (await put(staff, {"If-Match": '"1"'}, safety_stock=9)).status_code == 200

    assert (await staff.levels()).json()["items"][0]["available"] == 0


@pytest.mark.parametrize("path", ["/v1/products/NOPE/stock/AMS", "/v1/products/TEE/stock/NOPE"])
async def test_a_place_that_does_not_exist_is_not_found(staff: Client, database: Database, path: str) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        assert_problem(await staff.http.put(path, json={}, headers={"If-None-Match": "*"}), 404, "not_found")
        assert_problem(await staff.http.get(path), 404, "not_found")


async def test_ids_stand_for_sku_and_code(staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)
    product = (await staff.http.get("/v1/products/TEE")).json()["id"]
    warehouse = (await staff.http.get("/v1/warehouses/AMS")).json()["id"]

    by_id = await staff.http.get(f"/v1/products/{product}/stock/{warehouse}")

    assert by_id.json() == (await staff.http.get(PATH)).json()
