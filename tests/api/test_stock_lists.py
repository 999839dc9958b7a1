"""Without these, whoever looks after the stock overlooks what runs low or what has moved."""

from typing import Any

import pytest

from services.inventory.stock import listing
from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.lists import flat, page, walk, walk_back
from tests.support.problems import assert_fault, assert_problem


@pytest.fixture(autouse=True)
async def shop(staff: Client) -> None:
    for sku, warehouse, on_hand in (("TEE", "AMS", 9), ("TEE", "BER", 2), ("MUG", "AMS", 3), ("PEN", "AMS", 8)):
        await staff.stock(sku, warehouse, on_hand, low_stock_at=2)


async def places(client: Client, **filters: Any) -> list[tuple[str, str]]:
    return [(item["sku"], item["warehouse"]) for items in await walk(client, "/v1/stock", limit=2, **filters) for item in items]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, [("TEE", "AMS"), ("TEE", "BER"), ("MUG", "AMS"), ("PEN", "AMS")]),
        ({"sku": "TEE"}, [("TEE", "AMS"), ("TEE", "BER")]),
        ({"sku": ["PEN", "TEE", "NIL"]}, [("TEE", "AMS"), ("TEE", "BER"), ("PEN", "AMS")]),
        ({"warehouse": "BER"}, [("TEE", "BER")]),
        ({"warehouse": ["BER", "AMS"]}, [("TEE", "AMS"), ("TEE", "BER"), ("MUG", "AMS"), ("PEN", "AMS")]),
        ({"warehouse": "AMS", "sku": ["TEE", "PEN"]}, [("TEE", "AMS"), ("PEN", "AMS")]),
        ({"warehouse": "NIL"}, []),
        ({"low_stock": "true"}, [("TEE", "BER")]),
        ({"low_stock": "true", "warehouse": "AMS"}, []),
        ({"low_stock": "false", "warehouse": "AMS"}, [("TEE", "AMS"), ("MUG", "AMS"), ("PEN", "AMS")]),
        ({"updated_since": "2100-01-01T00:00:00Z"}, []),
    ],
)
async def test_every_filter_must_let_a_level_through(staff: Client, filters: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert await places(staff, **filters) == found


async def test_what_runs_low_is_listed_as_of_an_instant(staff: Client, customer: Client, database: Database) -> None:
    await customer.place(line("MUG", 1))
    [(before,)] = await database.rows("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")

    found = await page(staff, "/v1/stock", low_stock="true")

    assert [(item["sku"], item["available"]) for item in found["items"]] == [("TEE", 2), ("MUG", 2)]
    assert before < found["as_of"]
    assert "as_of" not in await page(staff, "/v1/stock")


@pytest.mark.parametrize("seen_at_once", [1, 2, 3, 100])
async def test_what_changed_is_found_however_far_it_lies_from_the_last(
    staff: Client, database: Database, seen_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "WALK_MAX", seen_at_once)
    [(instant,)] = await database.rows("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    for sku in ("PEN", "TEE"):
        await staff.adjust(sku, "AMS", 1)

    forward = await walk(staff, "/v1/stock", updated_since=instant)
    backward = await walk_back(staff, "/v1/stock", updated_since=instant)

    assert flat(forward, "sku") == flat(backward, "sku") == ["TEE", "PEN"]


@pytest.mark.parametrize("few", [0, 300])
async def test_the_ledger_is_read_newest_first_and_by_each_of_its_facts(
    staff: Client, customer: Client, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", few)
    await staff.adjust("TEE", "AMS", -1, reason="damage")
    placed = (await customer.place(line("MUG", 1), external_ref="cart-1")).json()["id"]
    await customer.confirm(placed)
    shipped = await staff.http.post(f"/v1/reservations/{placed}/fulfilments", headers={"Idempotency-Key": "f"})
    assert shipped.status_code == 201, shipped.text

    everything = [item for items in await walk(staff, "/v1/stock-movements", limit=2) for item in items]

    assert [(one["sku"], one["warehouse"], one["delta"], one["on_hand_after"], one["reason"]) for one in everything] == [
        ("MUG", "AMS", -1, 2, "fulfilment"),
        ("TEE", "AMS", -1, 8, "damage"),
        ("PEN", "AMS", 8, 8, "receipt"),
        ("MUG", "AMS", 3, 3, "receipt"),
        ("TEE", "BER", 2, 2, "receipt"),
        ("TEE", "AMS", 9, 9, "receipt"),
    ]
    assert staff.person
    assert (everything[0]["reservation_id"], everything[0]["reference"]) == (placed, "cart-1")
    assert everything[0]["actor"] == str(staff.person.account_id)
    for filters, positions in (
        ({"sku": "TEE"}, [1, 4, 5]),
        ({"sku": "TEE", "warehouse": "AMS"}, [1, 5]),
        ({"warehouse": "AMS"}, [0, 1, 2, 3, 5]),
        ({"warehouse": "NIL"}, []),
        ({"reason": "damage"}, [1]),
        ({"reference": "cart-1"}, [0]),
        ({"actor": str(staff.person.account_id), "reason": "fulfilment"}, [0]),
        ({"actor": "somebody"}, []),
        ({"sku": "NIL"}, []),
        ({"from": everything[3]["created_at"], "to": everything[1]["created_at"]}, [2, 3]),
    ):
        found = await walk(staff, "/v1/stock-movements", limit=1, **filters)
        assert [item for items in found for item in items] == [everything[n] for n in positions], filters


@pytest.mark.parametrize("path", ["/v1/stock", "/v1/stock-movements"])
async def test_levels_and_ledger_are_for_the_staff(customer: Client, nobody: Client, path: str) -> None:
    assert_problem(await customer.http.get(path), 403, "forbidden")
    assert_problem(await nobody.http.get(path), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("stock?low_stock=2", "low_stock"),
        ("stock?on_hand=5", "on_hand"),
        ("stock-movements?reason=theft", "reason"),
        ("stock-movements?to=today", "to"),
    ],
)
async def test_a_parameter_that_makes_no_sense_is_named(staff: Client, query: str, parameter: str) -> None:
    assert_fault(await staff.http.get(f"/v1/{query}"), parameter)
