"""Without these, a product cannot be found under its own name, or two products share one."""

from urllib.parse import quote

from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.problems import assert_problem, nothing_changes


async def test_a_product_comes_back_as_it_was_given(staff: Client, nobody: Client) -> None:
    facts = {
        "description": "Soft\nand blue",
        "category": "clothing",
        "attributes": {"size": "M", "organic": True, "grams": 180},
        "price_minor": 2_200,
        "currency": "EUR",
    }

    created = await staff.create_product("TEE", **facts)

    assert created.status_code == 201
    body = created.json()
    assert created.headers["Location"] == f"/v1/products/{body['id']}"
    assert created.headers["ETag"] == '"1"'
    assert body == {**body, **facts, "sku": "TEE", "name": "The TEE", "status": "active", "version": 1}
    assert body["created_at"] == body["updated_at"]
    for key in ("TEE", body["id"], body["id"].upper()):
        read = await nobody.http.get(f"/v1/products/{key}")
        assert (read.status_code, read.headers["ETag"], read.json()) == (200, '"1"', body)


async def test_a_warehouse_comes_back_as_it_was_given(staff: Client, nobody: Client) -> None:
    created = await staff.create_warehouse("AMS", priority=7)

    assert created.status_code == 201
    body = created.json()
    assert created.headers["Location"] == f"/v1/warehouses/{body['id']}"
    assert (body["code"], body["name"], body["priority"], body["status"]) == ("AMS", "Warehouse AMS", 7, "active")
    for key in ("AMS", body["id"]):
        read = await nobody.http.get(f"/v1/warehouses/{key}")
        assert (read.status_code, read.headers["ETag"], read.json()) == (200, '"1"', body)


async def test_a_sku_names_one_product_and_a_code_one_warehouse(staff: Client, database: Database) -> None:
    await staff.create_product("TEE")
    await staff.create_warehouse("AMS")

    async with nothing_changes(database):
        product = await staff.create_product("TEE")
        warehouse = await staff.create_warehouse("AMS")

    assert_problem(product, 409, "sku_taken")
    assert_problem(warehouse, 409, "code_taken")
    assert (await staff.create_product("tee")).status_code == 201  # case matters


async def test_two_spellings_of_one_sku_are_one_sku(staff: Client, nobody: Client) -> None:
    composed, decomposed = "CAF\u00c9", "CAFE\u0301"
    await staff.stock(decomposed, "AMS", 1)

    assert_problem(await staff.create_product(composed), 409, "sku_taken")
    for spelling in (composed, decomposed):
        assert (await nobody.http.get(f"/v1/products/{quote(spelling)}")).json()["sku"] == composed
        assert (await nobody.availability(spelling)).json()["items"][0]["available"] == 1


ODD_SKUS = [
    "A/B",
    "a b",
    "50%",
    "%2F",
    "%25",
    "A?B#C",
    "Größe/ü",
    "👕",
    "..x",
    "A+B",
    "A&sku=B",
    "~",
    "C:\\D",
    "'; DROP TABLE products; --",
]


async def test_an_odd_sku_works_in_every_path(staff: Client, customer: Client) -> None:
    await staff.create_warehouse("AMS")

    for sku in ODD_SKUS:
        assert (await staff.create_product(sku)).status_code == 201
        path = f"/v1/products/{quote(sku, safe='')}"
        made = await staff.http.put(f"{path}/stock/AMS", json={"backorder_limit": 5}, headers={"If-None-Match": "*"})
        read = await customer.http.get(path)

        assert (made.status_code, made.json()["sku"]) == (201, sku)
        assert (read.status_code, read.json()["sku"]) == (200, sku)
        assert (await staff.http.get(f"{path}/stock/AMS")).json() == made.json()
        assert (await customer.availability(sku)).json()["items"] == [{"sku": sku, "warehouse": "AMS", "available": 5}]
        assert (await customer.place(line(sku))).json()["lines"][0]["sku"] == sku


async def test_what_does_not_exist_is_not_found(nobody: Client) -> None:
    for path in ("/v1/products/NOPE", "/v1/warehouses/NOPE", "/v1/products/0197a3f0-0000-7000-8000-000000000000"):
        assert path.rpartition("/")[2] in assert_problem(await nobody.http.get(path), 404, "not_found")["detail"]


async def test_what_is_archived_is_read_but_not_listed(staff: Client, nobody: Client, database: Database) -> None:
    await staff.create_product("OLD")
    await staff.create_warehouse("OLD")
    for table in ("products", "warehouses"):
        await database.do(f"UPDATE {table} SET status = 'archived'")  # noqa: S608  # two constants

    for table in ("products", "warehouses"):
        assert (await nobody.http.get(f"/v1/{table}")).json()["items"] == []
        assert (await nobody.http.get(f"/v1/{table}/OLD")).json()["status"] == "archived"
