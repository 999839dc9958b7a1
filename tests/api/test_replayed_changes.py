"""Without these, a change that is sent again after a broken connection ships twice, moves twice, or counts twice."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.api.test_replays import assert_replay
from tests.support.api import Client, Json, counted, line, units
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.problems import assert_problem, nothing_changes

TEE_GONE = {"sku": "TEE", "warehouse": "AMS", "delta": -9}
TEE_CAME = {"sku": "TEE", "warehouse": "AMS", "delta": 1}


@dataclass(frozen=True, slots=True)
class Change:
    path: str
    body: Json | None
    same: Json | None  # said otherwise
    other: Json | None  # which the same key cannot mean


EXTEND = Change("/v1/reservations/{held}/extend", {"ttl_seconds": 700}, {"ttl_seconds": 700}, {"ttl_seconds": 701})
CANCEL = Change("/v1/reservations/{held}/cancel", None, {"reason": None}, {"reason": "too blue"})
FULFIL = Change("/v1/reservations/{confirmed}/fulfilments", None, {"items": None}, {"items": [units("TEE", 1)]})
FULFIL_PART = Change(
    "/v1/reservations/{confirmed}/fulfilments", {"items": [units("TEE", 1)]}, {"items": [units("TEE", 1)]}, {"items": [units("TEE", 2)]}
)
ADJUST = Change(
    "/v1/stock-adjustments",
    {"reason": "damage", "items": [TEE_GONE, {**TEE_CAME, "sku": "MUG"}], "on_error": "reject_failed"},
    {"items": [TEE_GONE, {**TEE_CAME, "sku": "MUG"}], "on_error": "reject_failed", "reason": "damage", "reference": None},
    {"reason": "damage", "items": [{**TEE_CAME, "sku": "MUG"}], "on_error": "reject_failed"},
)
COUNT = Change(
    "/v1/stock-counts",
    {"items": [counted("TEE", 4, 5), counted("MUG", 5, 5)]},
    {"items": [counted("TEE", 4, 5), counted("MUG", 5, 5)], "on_shortage": "reject"},
    {"items": [counted("TEE", 4, 5), counted("MUG", 5, 5)], "on_shortage": "displace"},
)
TRANSFER = Change(
    "/v1/stock-transfers",
    {"from": "AMS", "to": "BER", "items": [{"sku": "MUG", "quantity": 1}]},
    {"to": "BER", "from": "AMS", "reference": None, "items": [{"quantity": 1, "sku": "MUG"}]},
    {"from": "BER", "to": "AMS", "items": [{"sku": "MUG", "quantity": 1}]},
)
CHANGES = [EXTEND, CANCEL, FULFIL, FULFIL_PART, ADJUST, COUNT, TRANSFER]
each = pytest.mark.parametrize("change", CHANGES, ids=["extend", "cancel", "fulfil", "fulfil part", "adjust", "count", "transfer"])


async def ids(staff: Client) -> dict[str, Any]:
    """Of a hold and of a confirmed reservation of the staff's own; 5 tees and 5 mugs, 1 mug elsewhere."""
    for sku in ("TEE", "MUG"):
        await staff.stock(sku, "AMS", 5)
    await staff.stock("MUG", "BER", 1)
    held, confirmed = [(await staff.place(line("TEE", 2))).json()["id"] for _ in range(2)]
    await staff.confirm(confirmed)
    return {"held": held, "confirmed": confirmed}


async def send(staff: Client, path: str, body: Json | None) -> httpx.Response:
    return await staff.http.post(path, json=body, headers={"Idempotency-Key": "k1"})


@each
async def test_it_is_done_once_and_answered_twice(staff: Client, database: Database, change: Change) -> None:
    path = change.path.format(**await ids(staff))
    first = await send(staff, path, change.body)

    async with nothing_changes(database):
        again = await send(staff, path, change.body)
        in_other_words = await send(staff, path, change.same)

    assert_replay(again, first)
    assert_replay(in_other_words, first)
    await assert_invariants(database)


@each
async def test_its_key_means_nothing_else(staff: Client, database: Database, change: Change) -> None:
    path = change.path.format(**await ids(staff))
    await send(staff, path, change.body)

    async with nothing_changes(database):
        assert_problem(await send(staff, path, change.other), 422, "idempotency_key_reused")


async def test_a_change_that_was_refused_may_be_sent_again_under_its_key(staff: Client, database: Database) -> None:
    reservation = (await ids(staff))["confirmed"]

    async with nothing_changes(database):
        assert_problem(await staff.fulfil(reservation, units("TEE", 3), key="k1"), 409, "exceeds_open_quantity")
        assert_problem(await staff.count(counted("TEE", 4, 9), key="k2"), 409, "count_conflict")
        assert_problem(await staff.transfer("AMS", "BER", {"sku": "MUG", "quantity": 6}, key="k3"), 409, "insufficient_available")
    await staff.adjust("MUG", "AMS", 1)
    await staff.adjust("TEE", "AMS", 4)

    assert (await staff.fulfil(reservation, units("TEE", 2), key="k1")).status_code == 201
    assert (await staff.count(counted("TEE", 4, 7), key="k2")).status_code == 201
    assert (await staff.transfer("AMS", "BER", {"sku": "MUG", "quantity": 6}, key="k3")).status_code == 201
    await assert_invariants(database)
