"""Without these, a reader of a list misses rows or meets them twice, or makes up cursors of their own."""

import base64
import itertools
from typing import Any

import pytest

from services.runtime.paging import LIMIT_DEFAULT
from tests.support.api import Client, line
from tests.support.crowd import crowd_sql
from tests.support.database import Database
from tests.support.lists import flat, page, walk, walk_back
from tests.support.problems import assert_problem

OTHERS = 8
LISTS = pytest.mark.parametrize(
    ("path", "member", "parameters"),
    [
        ("/v1/products", "sku", {}),
        ("/v1/products", "sku", {"sort": "-price_minor"}),
        ("/v1/products", "sku", {"sort": "name", "q": "the"}),
        ("/v1/products", "sku", {"updated_since": "2020-01-01T00:00:00Z"}),
        ("/v1/warehouses", "code", {"sort": "-priority"}),
        ("/v1/stock", "item_id", {}),
        ("/v1/stock", "item_id", {"warehouse": ["W0", "W1", "W2"]}),
        ("/v1/stock", "item_id", {"updated_since": "2020-01-01T00:00:00Z"}),
        ("/v1/stock-movements", "movement_id", {}),
        ("/v1/stock-movements", "movement_id", {"sku": "P3"}),
        ("/v1/reservations", "id", {}),
        ("/v1/reservations", "id", {"sku": "P3"}),
    ],
)


@pytest.fixture
async def shop(staff: Client) -> None:
    for number in range(7):
        await staff.stock(f"P{number}", f"W{number % 3}", 50)
    for number in range(7):
        if number % 3:
            await staff.stock("P3", f"W{number}", 50)
        await staff.place(line("P3"), line(f"P{number}"))


@pytest.mark.usefixtures("shop")
@LISTS
@pytest.mark.parametrize("limit", [1, 3])
async def test_rows_that_were_there_all_along_are_met_once_while_others_come(
    staff: Client, path: str, member: str, parameters: dict[str, Any], limit: int
) -> None:
    there = flat(await walk(staff, path, limit=200, **parameters), member)
    numbers = itertools.count()

    async def others_come() -> None:
        number = next(numbers)
        if number >= OTHERS:  # or the list would grow as fast as it is read
            return
        await staff.stock(f"P{number % 7}-{number}", f"W{number % 3}-{number}", 5)
        await staff.place(line("P3"))

    forward = flat(await walk(staff, path, limit=limit, between=others_come, **parameters), member)
    backward = flat(await walk_back(staff, path, limit=limit, between=others_come, **parameters), member)

    for met in (forward, backward):
        assert [key for key in met if key in set(there)] == there
        assert len(set(met)) == len(met)


async def test_pages_of_the_usual_length_are_that_long_and_follow_one_another(nobody: Client, database: Database) -> None:
    await database.do(crowd_sql(2 * LIMIT_DEFAULT + 20, stocked_percent=0))
    there = [sku for (sku,) in await database.rows("SELECT sku FROM products WHERE status = 'active' ORDER BY sku")]
    forward, backward = await walk(nobody, "/v1/products"), await walk_back(nobody, "/v1/products")

    assert flat(forward, "sku") == flat(backward, "sku") == there
    assert [len(one) for one in forward] == [LIMIT_DEFAULT, LIMIT_DEFAULT, len(there) - 2 * LIMIT_DEFAULT]


@pytest.mark.usefixtures("shop")
async def test_the_link_header_leads_to_both_neighbours(nobody: Client) -> None:
    first = await nobody.http.get("/v1/products", params={"limit": 3, "sort": "-sku"})
    [following] = first.links.values()
    middle = await nobody.http.get(following["url"])
    before = await nobody.http.get(middle.links["prev"]["url"])

    assert [item["sku"] for item in middle.json()["items"]] == ["P3", "P2", "P1"]
    assert before.json()["items"] == first.json()["items"]
    assert before.json()["prev_cursor"] is None
    assert "total_estimate" not in first.json()
    assert "Link" not in (await nobody.http.get("/v1/products")).headers


@pytest.mark.usefixtures("shop")
async def test_a_cursor_serves_the_list_that_it_was_made_for_and_no_other(nobody: Client, staff: Client) -> None:
    cursor = (await page(nobody, "/v1/products", limit=2))["next_cursor"]
    raw = base64.urlsafe_b64decode(cursor + "==")

    for forged in (
        "x",
        "%00",
        "é",
        cursor[:-1],
        cursor + "A",
        base64.urlsafe_b64encode(raw[:-1] + b" ").decode().rstrip("="),
        base64.urlsafe_b64encode(bytes(16) + raw[16:]).decode().rstrip("="),
    ):
        assert_problem(await nobody.http.get("/v1/products", params={"cursor": forged}), 400, "bad_cursor")
    for other in ("sort=-sku", "sort=sku", "q=the", "category=x", "status=archived", "attributes.a=1"):
        assert_problem(await nobody.http.get(f"/v1/products?{other}&cursor={cursor}"), 400, "bad_cursor")
    for path in ("/v1/warehouses", "/v1/stock", "/v1/stock-movements", "/v1/reservations"):
        assert_problem(await staff.http.get(path, params={"cursor": cursor}), 400, "bad_cursor")


@pytest.mark.usefixtures("shop")
async def test_a_cursor_does_not_mind_how_much_is_asked_for_or_told(nobody: Client) -> None:
    cursor = (await page(nobody, "/v1/products", limit=2))["next_cursor"]

    found = await page(nobody, "/v1/products", limit=3, cursor=cursor, include="total_estimate", consistency="strong")

    assert [item["sku"] for item in found["items"]] == ["P2", "P3", "P4"]


async def test_the_longest_name_fits_into_a_cursor(nobody: Client, staff: Client) -> None:
    for sku in ("A", "B", "C"):
        assert (await staff.create_product(sku, name="\x01" * 200)).status_code == 201
    for sku in ("D", "E"):
        assert (await staff.create_product(sku, name="\U0001f4a1" * 200)).status_code == 201

    assert flat(await walk(nobody, "/v1/products", sort="name", limit=1), "sku") == ["A", "B", "C", "D", "E"]


@pytest.mark.usefixtures("shop")
async def test_how_many_there_are_is_an_estimate_of_what_passes_the_filters(nobody: Client, staff: Client, database: Database) -> None:
    await database.do("ANALYZE")

    assert (await page(nobody, "/v1/products", limit=1, include="total_estimate"))["total_estimate"] == 7
    assert (await page(nobody, "/v1/products", limit=1, include="total_estimate", status="archived"))["total_estimate"] == 1
    assert (await page(staff, "/v1/stock-movements", limit=1, include="total_estimate"))["total_estimate"] == 11


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "x", "99999999999999999999"])
@pytest.mark.parametrize("path", ["/v1/products", "/v1/warehouses", "/v1/stock", "/v1/stock-movements", "/v1/reservations"])
async def test_a_page_has_a_size_that_is_a_size(staff: Client, path: str, limit: str) -> None:
    assert_problem(await staff.http.get(path, params={"limit": limit}), 422, "validation_error")
