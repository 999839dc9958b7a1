"""Without these, a change to a reservation does what nobody asked for, because what was asked could not be understood."""

import json
import uuid

import pytest

from tests.support.api import Client, Json, line, units
from tests.support.database import Database
from tests.support.problems import assert_fault, assert_problem, nothing_changes

EXTEND, FULFIL, LINES, CART = "extend", "fulfilments", "lines", "by-ref"
NO_QUANTITIES: list[object] = [0, -1, 1_000_001, 10**30, "3", True, 1.0, None]


def shipped(**members: object) -> Json:
    return {"items": [{**units("TEE", 1), **members}]}


WRONG: list[tuple[str, Json, str]] = [
    *((EXTEND, {"ttl_seconds": seconds}, "/ttl_seconds") for seconds in (0, -1, 7_201, "600", True, 60.0, None)),
    (EXTEND, {}, "/ttl_seconds"),
    (EXTEND, {"ttl_seconds": 60, "expires_at": "2030-01-01T00:00:00Z"}, "/expires_at"),
    *((FULFIL, shipped(quantity=quantity), "/items/0/quantity") for quantity in NO_QUANTITIES),
    *((FULFIL, shipped(sku=sku), "/items/0/sku") for sku in ("", "a\0b", 7, None)),
    *((FULFIL, shipped(warehouse=code), "/items/0/warehouse") for code in ("", " AMS", None)),
    (FULFIL, {"items": []}, "/items"),
    (FULFIL, {"items": [units("TEE", 1)] * 51}, "/items"),
    (FULFIL, {"items": [{"sku": "TEE", "quantity": 1}]}, "/items/0/warehouse"),
    (FULFIL, {"lines": []}, "/lines"),
    *((where, {"lines": [line("TEE", quantity)]}, "/lines/0/quantity") for where in (LINES, CART) for quantity in (0, 1_000_001)),
    *((where, {"lines": [{"sku": sku, "quantity": 1}]}, "/lines/0/sku") for where in (LINES, CART) for sku in ("", "a\0b", None)),
    *((where, {"lines": lines}, "/lines") for where in (LINES, CART) for lines in ([], [line("TEE")] * 51, None)),
    *((where, {}, "/lines") for where in (LINES, CART)),
    *((where, {"lines": [line("TEE")], "external_ref": "cart-82"}, "/external_ref") for where in (LINES, CART)),
    *((where, {"lines": [line("TEE")], "strategy": "nearest"}, "/strategy") for where in (LINES, CART)),
    (LINES, {"lines": [line("TEE")], "ttl_seconds": 60}, "/ttl_seconds"),
    (LINES, {"lines": [line("TEE")], "metadata": {}}, "/metadata"),
    (CART, {"lines": [line("TEE")], "ttl_seconds": 7_201}, "/ttl_seconds"),
    (CART, {"lines": [line("TEE")], "metadata": {"a": "x" * 4_096}}, "/metadata"),
]


async def held(customer: Client, staff: Client) -> dict[str, str]:
    """Where each change of a hold is asked for."""
    await staff.stock("TEE", "AMS", 5)
    path = f"/v1/reservations/{(await customer.place(line('TEE'))).json()['id']}"
    return {change: f"{path}/{change}" for change in (EXTEND, FULFIL, LINES)} | {CART: "/v1/reservations/by-ref/cart-81"}


def method_of(change: str) -> str:
    return "PUT" if change in {LINES, CART} else "POST"


async def test_what_is_wrong_is_told_where(customer: Client, staff: Client, database: Database) -> None:
    paths = await held(customer, staff)

    async with nothing_changes(database):
        answers = []
        for change, body, pointer in WRONG:
            client = staff if change == FULFIL else customer
            headers = {"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json"}
            answers.append(
                (pointer, await client.http.request(method_of(change), paths[change], content=json.dumps(body), headers=headers))
            )

    for pointer, answer in answers:
        assert assert_fault(answer, pointer)


@pytest.mark.parametrize("change", [EXTEND, FULFIL, LINES, CART])
async def test_what_cannot_be_read_is_refused(customer: Client, staff: Client, database: Database, change: str) -> None:
    path = (await held(customer, staff))[change]
    headers = {"Idempotency-Key": "k1", "Content-Type": "application/json"}

    async with nothing_changes(database):
        broken = await staff.http.request(method_of(change), path, content=b"{", headers=headers)
        other = await staff.http.request(method_of(change), path, content=b"{}", headers={**headers, "Content-Type": "text/plain"})
        overdone = await staff.http.request(method_of(change), path + "?force=1", json={}, headers=headers)

    assert_problem(broken, 400, "malformed_json")
    assert_problem(other, 415, "unsupported_media_type")
    assert any(fault.get("parameter") == "force" for fault in assert_problem(overdone, 422, "validation_error")["errors"])


@pytest.mark.parametrize("change", [EXTEND, FULFIL])
async def test_a_change_carries_a_key(customer: Client, staff: Client, database: Database, change: str) -> None:
    path = (await held(customer, staff))[change]

    async with nothing_changes(database):
        missing = await staff.http.post(path, json={})
        odd = await staff.http.post(path, json={}, headers={"Idempotency-Key": "x" * 256})

    assert_problem(missing, 400, "idempotency_key_missing")
    assert_problem(odd, 400, "idempotency_key_invalid")


async def test_a_body_where_none_belongs_is_a_misunderstanding(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    reservation = (await customer.place(line("TEE"))).json()["id"]

    async with nothing_changes(database):
        assert_fault(await customer.change(reservation, "confirm", {"quantity": 1}), "/quantity")

    assert (await customer.change(reservation, "confirm", {})).status_code == 200
