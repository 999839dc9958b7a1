"""Without these, a customer is shown what cannot be had, or not shown what can."""

from tests.support.api import Client, line
from tests.support.problems import assert_fault, assert_problem


async def test_availability_is_told_for_each_warehouse(customer: Client, staff: Client, nobody: Client) -> None:
    await staff.stock("TEE", "BER", 5, safety_stock=1)
    await staff.stock("TEE", "AMS", 2, backorder_limit=3)
    await staff.stock("MUG", "AMS", 7)
    await customer.place(line("TEE", 3, "BER"))

    answer = await nobody.availability("TEE", "NOPE")

    assert answer.status_code == 200
    assert answer.json()["items"] == [
        {"sku": "TEE", "warehouse": "AMS", "available": 5},
        {"sku": "TEE", "warehouse": "BER", "available": 1},
    ]
    assert answer.json()["server_time"].endswith("Z")


async def test_what_is_archived_is_not_offered(staff: Client, nobody: Client) -> None:
    for sku, warehouse in (("TEE", "AMS"), ("TEE", "BER"), ("MUG", "AMS")):
        await staff.stock(sku, warehouse, 5)
    for path in ("products/MUG", "warehouses/BER"):
        await staff.http.delete(f"/v1/{path}", headers={"If-Match": "*"})

    answer = await nobody.availability("TEE", "MUG")

    assert answer.json()["items"] == [{"sku": "TEE", "warehouse": "AMS", "available": 5}]
    assert len((await staff.levels()).json()["items"]) == 3


async def test_availability_of_nothing_still_tells_the_time(nobody: Client) -> None:
    answer = await nobody.availability("NOPE")

    assert answer.json()["items"] == []
    assert answer.json()["server_time"] > "2020"


async def test_one_warehouse_can_be_asked_for(staff: Client, nobody: Client) -> None:
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("TEE", "BER", 5)

    answer = await nobody.http.get("/v1/availability", params={"sku": "TEE", "warehouse": "BER"})

    assert [item["warehouse"] for item in answer.json()["items"]] == ["BER"]


async def test_200_skus_are_the_most_at_once(nobody: Client) -> None:
    skus = [f"TEE-{n}" for n in range(201)]

    assert (await nobody.availability(*skus[:200])).status_code == 200
    assert_fault(await nobody.availability(*skus), "sku")
    assert_fault(await nobody.availability(), "sku")


async def test_a_level_tells_everything_about_an_item(customer: Client, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 9, safety_stock=1, backorder_limit=2, low_stock_at=3)
    await customer.place(line("TEE", 4))
    await customer.confirm((await customer.place(line("TEE", 2))).json()["id"])

    [level] = (await staff.levels()).json()["items"]

    assert (level["sku"], level["warehouse"]) == ("TEE", "AMS")
    assert (level["on_hand"], level["held"], level["allocated"], level["available"]) == (9, 4, 2, 4)
    assert (level["safety_stock"], level["backorder_limit"], level["low_stock_at"]) == (1, 2, 3)
    read = await staff.http.get(f"/v1/stock/{level['item_id']}")
    assert (read.status_code, read.json()) == (200, level)
    assert "ETag" not in read.headers  # counters move under it


async def test_levels_can_be_filtered(staff: Client) -> None:
    for sku, warehouse in (("TEE", "AMS"), ("TEE", "BER"), ("MUG", "AMS")):
        await staff.stock(sku, warehouse, 1)

    async def places(query: str) -> set[tuple[str, str]]:
        return {(level["sku"], level["warehouse"]) for level in (await staff.http.get(f"/v1/stock?{query}")).json()["items"]}

    assert await places("sku=TEE") == {("TEE", "AMS"), ("TEE", "BER")}
    assert await places("warehouse=AMS&sku=MUG&sku=TEE") == {("TEE", "AMS"), ("MUG", "AMS")}
    assert await places("sku=NOPE") == set()


async def test_a_level_that_does_not_exist_is_not_found(staff: Client) -> None:
    assert_problem(await staff.http.get("/v1/stock/0197a3f0-0000-7000-8000-000000000000"), 404, "not_found")
