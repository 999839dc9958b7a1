"""Without these, somebody does not find what is for sale, or finds what no longer is."""

from typing import Any

import pytest

from tests.support.api import Client
from tests.support.database import Database
from tests.support.lists import flat, page, walk, walk_back
from tests.support.problems import assert_fault


async def skus(client: Client, **parameters: Any) -> list[str]:
    return [item["sku"] for item in (await page(client, "/v1/products", **parameters))["items"]]


@pytest.fixture
async def lamps(staff: Client) -> None:
    for sku, name, category, price in (
        ("L1", "Brass reading lamp", "light", 8_900),
        ("L2", "Oak reading lamp", "light", 4_500),
        ("L3", "50% wool_blend shade", "parts", None),
        ("BULB-E27", "Bulb", "parts", 300),
    ):
        made = await staff.create_product(
            sku,
            name=name,
            category=category,
            price_minor=price,
            currency="EUR" if price else None,
            attributes={"watts": 40, "dim": sku == "L1"},
        )
        assert made.status_code == 201, made.text


@pytest.mark.usefixtures("lamps")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("reading", ["L1", "L2"]),
        ("READING LAMP", ["L1", "L2"]),
        ("E27", ["BULB-E27"]),
        ("ra", ["L1"]),
        ("0% w", ["L3"]),
        ("wool_b", ["L3"]),
        ("%", ["L3"]),
        ("_", ["L3"]),
        ("raeding", ["L1", "L2"]),
        ("brss lamp", ["L1"]),
        ("bottle", []),
    ],
)
async def test_a_text_finds_what_contains_it_and_else_what_is_spelt_like_it(nobody: Client, text: str, found: list[str]) -> None:
    assert await skus(nobody, q=text) == found


@pytest.mark.usefixtures("lamps")
async def test_a_sku_that_is_typed_exactly_is_not_lost_among_similar_ones(nobody: Client) -> None:
    assert await skus(nobody, q="L2") == ["L2"]


@pytest.mark.usefixtures("lamps")
async def test_a_walk_through_what_is_spelt_alike_goes_on_when_an_exact_match_appears(nobody: Client, staff: Client) -> None:
    first = await page(nobody, "/v1/products", q="raeding", limit=1)
    await staff.create_product("A0", name="raeding glasses")

    second = await page(nobody, "/v1/products", q="raeding", limit=1, cursor=first["next_cursor"])

    assert [item["sku"] for item in second["items"]] == ["L2"]


@pytest.mark.usefixtures("lamps")
@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"category": "light"}, ["L1", "L2"]),
        ({"category": "ligh"}, []),
        ({"price_gte": 4_500}, ["L1", "L2"]),
        ({"price_lte": 4_500}, ["BULB-E27", "L2"]),
        ({"price_gte": 301, "price_lte": 4_500, "category": "light"}, ["L2"]),
        ({"price_gte": 9_000}, []),
        ({"attributes.watts": "40", "attributes.dim": "true"}, ["L1"]),
        ({"attributes.watts": "41"}, []),
        ({"attributes.colour": "40"}, []),
    ],
)
async def test_every_filter_must_let_a_product_through(nobody: Client, parameters: dict[str, Any], found: list[str]) -> None:
    assert await skus(nobody, **parameters) == found


async def test_an_attribute_is_found_as_text_number_or_truth(nobody: Client, staff: Client) -> None:
    for sku, value in (("N", 42), ("T", "42"), ("B", True), ("W", "true")):
        await staff.create_product(sku, attributes={"a": value})

    assert await skus(nobody, **{"attributes.a": "42"}) == ["N", "T"]
    assert await skus(nobody, **{"attributes.a": "true"}) == ["B", "W"]


@pytest.mark.usefixtures("lamps")
@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("sku", ["BULB-E27", "L1", "L2", "L3"]),
        ("-sku", ["L3", "L2", "L1", "BULB-E27"]),
        ("name", ["L3", "L1", "BULB-E27", "L2"]),
        ("-name", ["L2", "BULB-E27", "L1", "L3"]),
        ("price_minor", ["BULB-E27", "L2", "L1", "L3"]),
        ("-price_minor", ["L3", "L1", "L2", "BULB-E27"]),
        ("created_at", ["L1", "L2", "L3", "BULB-E27"]),
        ("-created_at", ["BULB-E27", "L3", "L2", "L1"]),
        ("updated_at", ["L1", "L2", "L3", "BULB-E27"]),
        ("-updated_at", ["BULB-E27", "L3", "L2", "L1"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_a_sort_holds_over_all_pages_in_both_directions(nobody: Client, sort: str, order: list[str], limit: int) -> None:
    assert flat(await walk(nobody, "/v1/products", sort=sort, limit=limit), "sku") == order
    assert flat(await walk_back(nobody, "/v1/products", sort=sort, limit=limit), "sku") == order


@pytest.mark.parametrize("sort", ["name", "-name", "price_minor", "-price_minor"])
async def test_products_that_are_equal_in_the_sort_are_neither_skipped_nor_repeated(nobody: Client, staff: Client, sort: str) -> None:
    for number in range(7):
        price = {"price_minor": 5, "currency": "EUR"} if number < 3 else {}
        await staff.create_product(f"P{number}", name="twin", **price)
    everything = [f"P{number}" for number in range(7)]

    assert sorted(flat(await walk(nobody, "/v1/products", sort=sort, limit=2), "sku")) == everything
    assert sorted(flat(await walk_back(nobody, "/v1/products", sort=sort, limit=2), "sku")) == everything


@pytest.mark.usefixtures("lamps")
async def test_what_was_updated_since_an_instant_comes_in_the_order_of_its_updates(
    nobody: Client, staff: Client, database: Database
) -> None:
    [(instant,)] = await database.rows("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    for sku in ("L2", "BULB-E27"):
        assert (await staff.http.patch(f"/v1/products/{sku}", json={"description": "new"}, headers={"If-Match": "*"})).status_code == 200

    assert await skus(nobody, updated_since=instant) == ["L2", "BULB-E27"]
    assert await skus(nobody, updated_since=instant, sort="sku") == ["BULB-E27", "L2"]


@pytest.mark.usefixtures("lamps")
async def test_an_archived_product_is_listed_only_for_who_asks_for_archived_ones(nobody: Client, staff: Client) -> None:
    assert (await staff.http.delete("/v1/products/L2", headers={"If-Match": "*"})).status_code == 204

    assert await skus(nobody) == ["BULB-E27", "L1", "L3"]
    assert await skus(nobody, q="reading") == ["L1"]
    assert await skus(nobody, status="archived") == ["L2"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("colour=red", "colour"),
        ("sort=colour", "sort"),
        ("sort=--name", "sort"),
        ("sort=name&sort=sku", "sort"),
        ("q=", "q"),
        ("q=%00", "q"),
        (f"q={'x' * 201}", "q"),
        ("status=gone", "status"),
        ("price_gte=-1", "price_gte"),
        ("price_lte=1e3", "price_lte"),
        ("updated_since=1700000000", "updated_since"),
        ("updated_since=2026-11-24T10:00:00", "updated_since"),
        ("updated_since=2026-13-24T10:00:00Z", "updated_since"),
        ("updated_since=0001-01-01T00:00:00%2B14:00", "updated_since"),
        ("attributes.=red", "attributes."),
        ("attributes.a=1&attributes.a=2", "attributes.a"),
        (f"attributes.{'a' * 101}=1", f"attributes.{'a' * 89}"),
        ("attributes.a=%00", "attributes.a"),
        ("consistency=weak", "consistency"),
        ("include=total", "include"),
    ],
)
async def test_a_parameter_that_makes_no_sense_is_named_and_never_ignored(nobody: Client, query: str, parameter: str) -> None:
    assert_fault(await nobody.http.get(f"/v1/products?{query}"), parameter)
