"""Without these, two people overwrite each other's product, or one vanishes that customers have been promised."""

import asyncio
from typing import Any

import pytest

from tests.races.gate import together_at_the_gate
from tests.support.api import Api, Client, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.eventually import until_blocked
from tests.support.invariants import assert_invariants
from tests.support.problems import assert_fault, assert_problem, nothing_changes

BOTH = pytest.mark.parametrize("path", ["/v1/products/TEE", "/v1/warehouses/AMS"])
ANY = {"If-Match": "*"}


@pytest.fixture(autouse=True)
async def shop(staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)


async def patch(client: Client, path: str, body: Any, if_match: str | None = "*") -> Any:
    return await client.http.patch(path, json=body, headers={"If-Match": if_match} if if_match else {})


async def archive(client: Client, path: str, if_match: str | None = "*") -> Any:
    return await client.http.delete(path, headers={"If-Match": if_match} if if_match else {})


async def test_a_patch_changes_what_it_names_and_removes_what_it_nulls(staff: Client, nobody: Client) -> None:
    before = {
        "description": "soft",
        "category": "tees",
        "price_minor": 100,
        "currency": "EUR",
        "attributes": {"size": "M", "fit": 1, "bio": True},
    }
    assert (await patch(staff, "/v1/products/TEE", before)).status_code == 200

    answer = await patch(staff, "/v1/products/TEE", {"name": "Tee", "category": None, "attributes": {"size": "L", "fit": None}}, '"2"')

    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"3"'
    now = answer.json()
    assert (now["name"], now["description"], now["category"], now["price_minor"]) == ("Tee", "soft", None, 100)
    assert now["attributes"] == {"size": "L", "bio": True}
    assert now["version"] == 3
    assert now["updated_at"] > now["created_at"]
    assert (await nobody.http.get("/v1/products/TEE")).json() == now


async def test_a_patch_may_say_that_it_is_one(staff: Client) -> None:
    headers = {"Content-Type": "application/merge-patch+json", **ANY}

    assert (await staff.http.patch("/v1/warehouses/AMS", content=b'{"priority": 3}', headers=headers)).json()["priority"] == 3
    assert (await staff.http.patch("/v1/warehouses/AMS", content=b'{"priority": null}', headers=headers)).json()["priority"] == 100
    assert_problem(await staff.http.patch("/v1/warehouses/AMS", content=b"priority=3", headers=ANY), 415, "unsupported_media_type")


@BOTH
async def test_a_patch_that_changes_nothing_leaves_the_version_as_it_is(staff: Client, path: str, database: Database) -> None:
    name = (await staff.http.get(path)).json()["name"]
    async with nothing_changes(database):
        for body in ({}, {"name": name}):
            answer = await patch(staff, path, body, '"1"')
            assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/products/TEE", {"sku": "MUG"}, "/sku"),
        ("/v1/products/TEE", {"status": "archived"}, "/status"),
        ("/v1/products/TEE", {"version": 7}, "/version"),
        ("/v1/products/TEE", {"name": None}, "/name"),
        ("/v1/products/TEE", {"name": ""}, "/name"),
        ("/v1/products/TEE", {"price_minor": 5}, "/currency"),
        ("/v1/products/TEE", {"attributes": {str(n): n for n in range(51)}}, "/attributes"),
        ("/v1/warehouses/AMS", {"code": "BER"}, "/code"),
        ("/v1/warehouses/AMS", {"priority": "3"}, "/priority"),
        ("/v1/warehouses/AMS", {"name": None}, "/name"),
    ],
)
async def test_a_patch_of_what_cannot_be_is_refused_where_it_is_wrong(
    staff: Client, path: str, body: dict[str, object], pointer: str, database: Database
) -> None:
    async with nothing_changes(database):
        assert_fault(await patch(staff, path, body), pointer)


@BOTH
async def test_nothing_is_changed_by_who_has_not_read_it(staff: Client, path: str, database: Database) -> None:
    async with nothing_changes(database):
        for change in (patch(staff, path, {"name": "x"}, None), archive(staff, path, None)):
            assert_problem(await change, 428, "precondition_required")
        for stale in ('"2"', 'W/"1"', "1", '""', '"99999999999999999999"'):
            assert_problem(await patch(staff, path, {"name": "x"}, stale), 412, "etag_mismatch")
            assert_problem(await archive(staff, path, stale), 412, "etag_mismatch")


@BOTH
async def test_only_the_staff_change_the_catalogue(customer: Client, nobody: Client, path: str, database: Database) -> None:
    async with nothing_changes(database):
        for client, status, code in ((customer, 403, "forbidden"), (nobody, 401, "unauthenticated")):
            assert_problem(await patch(client, path, {"name": "x"}), status, code)
            assert_problem(await archive(client, path), status, code)


@BOTH
async def test_what_does_not_exist_cannot_be_changed(staff: Client, path: str) -> None:
    assert_problem(await patch(staff, f"{path}-2", {"name": "x"}), 404, "not_found")
    assert_problem(await archive(staff, f"{path}-2"), 404, "not_found")


@BOTH
async def test_what_is_archived_reads_on_leaves_the_list_and_may_be_archived_again(staff: Client, nobody: Client, path: str) -> None:
    assert (await archive(staff, path, '"1"')).status_code == 204
    assert (await archive(staff, path, '"1"')).status_code == 204

    now = (await nobody.http.get(path)).json()
    assert (now["status"], now["version"]) == ("archived", 2)
    folder = path.rpartition("/")[0]
    assert (await nobody.http.get(f"{folder}/{now['id']}")).json() == now
    assert (await nobody.http.get(folder)).json()["items"] == []
    assert (await nobody.http.get(folder, params={"status": "archived"})).json()["items"] == [now]


async def test_an_archived_product_takes_no_new_orders(staff: Client, customer: Client) -> None:
    await archive(staff, "/v1/products/TEE")

    assert_problem(await customer.place(line("TEE")), 422, "unknown_sku")


@BOTH
@pytest.mark.parametrize("state", ["held", "confirmed"])
async def test_what_is_promised_cannot_be_archived(staff: Client, customer: Client, path: str, state: str, database: Database) -> None:
    placed = (await customer.place(line("TEE", 2))).json()["id"]
    if state == "confirmed":
        await customer.confirm(placed)

    async with nothing_changes(database):
        assert_problem(await archive(staff, path), 409, "has_open_reservations")

    await customer.cancel(placed)
    assert (await archive(staff, path)).status_code == 204


@pytest.mark.parametrize(("path", "code"), [("/v1/products/TEE", "unknown_sku"), ("/v1/warehouses/AMS", "unknown_warehouse")])
async def test_an_order_that_was_planned_before_the_archiving_is_not_placed_after_it(
    staff: Client, customer: Client, path: str, code: str, database: Database
) -> None:
    async with database.transaction() as keeper:
        await keeper.execute("LOCK TABLE stock_levels IN SHARE MODE")  # who archives passes, who places does not
        placing = asyncio.create_task(customer.place(line("TEE", warehouse="AMS")))
        await until_blocked(database)
        assert (await archive(staff, path)).status_code == 204

    assert_problem(await placing, 422, code)
    await assert_invariants(database)


@pytest.mark.parametrize(
    ("path", "gate"),
    [
        ("/v1/products/TEE", "SELECT FROM stock_levels FOR NO KEY UPDATE"),
        ("/v1/warehouses/AMS", "LOCK TABLE stock_levels IN ROW EXCLUSIVE MODE"),
    ],
)
async def test_of_an_order_and_an_archiving_at_once_one_comes_first(
    staff: Client, customer: Client, path: str, gate: str, database: Database
) -> None:
    both = (customer.place(line("TEE", warehouse="AMS")), archive(staff, path))

    placed, archived = await together_at_the_gate(database, *both, gate=gate, at_once=2)

    assert (placed.status_code, archived.status_code) in {(201, 409), (422, 204)}
    await assert_invariants(database)


@BOTH
async def test_a_hold_whose_time_is_over_keeps_nothing_from_being_archived(
    staff: Client, customer: Client, path: str, database: Database
) -> None:
    await expire(database, (await customer.place(line("TEE", 2))).json()["id"])

    assert (await archive(staff, path)).status_code == 204


@BOTH
async def test_a_live_hold_counts_beside_one_whose_time_is_over(staff: Client, customer: Client, path: str, database: Database) -> None:
    await expire(database, (await customer.place(line("TEE", 2))).json()["id"])
    await customer.place(line("TEE", 1))

    assert_problem(await archive(staff, path), 409, "has_open_reservations")


@BOTH
async def test_who_has_a_version_is_not_sent_it_again(nobody: Client, staff: Client, path: str) -> None:
    etag = (await nobody.http.get(path)).headers["ETag"]
    assert etag == '"1"'

    for seen in (etag, f"W/{etag}", f'"7", {etag}', "*"):
        answer = await nobody.http.get(path, params={"consistency": "strong"}, headers={"If-None-Match": seen})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)
    await patch(staff, path, {"name": "changed"})
    assert (await nobody.http.get(path, headers={"If-None-Match": etag})).json()["version"] == 2


@BOTH
async def test_a_head_tells_what_a_get_would(api_processes: Api, path: str) -> None:
    client = await api_processes.client()
    got, head = await client.http.get(path), await client.http.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert [head.headers[name] for name in ("ETag", "Content-Length")] == [got.headers[name] for name in ("ETag", "Content-Length")]
    assert (await client.http.head(path, headers={"If-None-Match": got.headers["ETag"]})).status_code == 304
    assert (await client.http.head(f"{path}-2")).status_code == 404
