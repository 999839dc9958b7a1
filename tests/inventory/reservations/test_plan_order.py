"""Without these, an order is planned onto units that another line of it has already taken, or locks what it cannot use."""

from typing import Any

import orjson
import pytest

from services.inventory.reservations.errors import TooManyCandidates
from services.inventory.reservations.model import OrderLine
from tests.support.database import Database
from tests.support.shop import Shop

Wanted = tuple[str, str | None, int]  # sku, warehouse, quantity


async def plan(database: Database, *lines: Wanted) -> dict[str, Any]:
    skus, warehouses, quantities = ([line[n] for line in lines] for n in range(3))
    [(problems, chosen, candidates, has_choice)] = await database.rows(
        "SELECT problems, lines, candidates, has_choice FROM plan_order($1, $2, $3)", skus, warehouses, quantities
    )
    placed = [(line["sku"], line["warehouse"], line["quantity"]) for line in orjson.loads(chosen or "[]")]
    short = [(problem["line"], problem["kind"], problem["available"]) for problem in orjson.loads(problems or "[]")]
    return {"placed": placed, "short": short, "candidates": len(candidates), "has_choice": has_choice}


@pytest.fixture
async def two_warehouses(shop: Shop) -> Shop:
    """3 tees in AMS, which comes first, and 5 in BER; 2 mugs in BER."""
    await shop.warehouse("BER", priority=20)
    await shop.warehouse("AMS", priority=10)
    for sku in ("TEE", "MUG"):
        await shop.product(sku)
    for sku, warehouse, on_hand in (("TEE", "AMS", 3), ("TEE", "BER", 5), ("MUG", "BER", 2)):
        await shop.stock(sku, warehouse, on_hand)
    return shop


PLACED: list[tuple[list[Wanted], list[tuple[str, str, int]]]] = [
    ([("TEE", None, 3)], [("TEE", "AMS", 3)]),
    ([("TEE", None, 4)], [("TEE", "BER", 4)]),
    ([("TEE", None, 2), ("TEE", None, 2)], [("TEE", "BER", 4)]),
    ([("TEE", "AMS", 1), ("TEE", None, 2)], [("TEE", "AMS", 3)]),
    ([("TEE", None, 3), ("TEE", "AMS", 1)], [("TEE", "AMS", 1), ("TEE", "BER", 3)]),
    ([("TEE", "BER", 5), ("TEE", "AMS", 3)], [("TEE", "AMS", 3), ("TEE", "BER", 5)]),
    ([("TEE", None, 1), ("MUG", None, 2)], [("MUG", "BER", 2), ("TEE", "AMS", 1)]),
]
SHORT: list[tuple[list[Wanted], list[tuple[int, str, int]]]] = [
    ([("TEE", None, 6)], [(0, "short", 5)]),
    ([("TEE", "AMS", 3), ("TEE", "BER", 4), ("TEE", None, 2)], [(2, "short", 1)]),
    ([("TEE", None, 3), ("TEE", "AMS", 4)], [(1, "short", 3)]),
    ([("MUG", "AMS", 1)], [(0, "short", 0)]),
    ([("MUG", None, 1), ("CAP", None, 1), ("MUG", "XYZ", 1)], [(2, "unknown_warehouse", 0), (1, "unknown_sku", 0)]),
    ([("TEE", None, 9), ("MUG", None, 9)], [(0, "short", 5), (1, "short", 2)]),
]
CANDIDATES: list[tuple[Wanted, int, bool]] = [
    (("TEE", None, 1), 2, True),
    (("TEE", "AMS", 1), 1, False),
    (("MUG", None, 1), 1, False),
    (("CAP", None, 1), 0, False),
]


@pytest.mark.usefixtures("two_warehouses")
async def test_lines_are_placed(database: Database) -> None:
    for lines, placed in PLACED:
        planned = await plan(database, *lines)
        assert (planned["placed"], planned["short"]) == (placed, []), lines


@pytest.mark.usefixtures("two_warehouses")
async def test_what_cannot_be_placed_is_told_with_what_there_is(database: Database) -> None:
    for lines, short in SHORT:
        assert (await plan(database, *lines))["short"] == short, lines


@pytest.mark.usefixtures("two_warehouses")
async def test_what_a_line_could_have_chosen_is_told_too(database: Database) -> None:
    for wanted, candidates, has_choice in CANDIDATES:
        planned = await plan(database, wanted)
        assert (planned["candidates"], planned["has_choice"]) == (candidates, has_choice), wanted


async def test_too_many_candidates_are_refused_whatever_else_is_right(shop: Shop) -> None:
    await shop.product("TEE")
    for n in range(65):
        await shop.warehouse(f"W{n}")
        await shop.stock("TEE", f"W{n}", 0, backorder_limit=1)

    with pytest.raises(TooManyCandidates):
        await shop.place(OrderLine("TEE", 1))

    assert (await shop.place(OrderLine("TEE", 1, "W7"))).reservation.lines[0].warehouse == "W7"
