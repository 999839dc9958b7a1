"""Without these, a client that turns pages misses a row, sees one twice, or is sent in circles."""

import re

import httpx
import pytest

from services.runtime.paging import CURSOR_LENGTH_MAX
from tests.support.api import Client
from tests.support.database import Database
from tests.support.problems import assert_fault, assert_problem


async def shelves(staff: Client, count: int) -> list[str]:
    """The skus of that many products, all of them stocked in AMS, in the order of a list of products."""
    skus = [f"P{n}" for n in range(count)]
    for sku in skus:
        await staff.stock(sku, "AMS", 0)
    return skus


def links(answer: httpx.Response) -> dict[str, str]:
    return {rel: path for path, rel in re.findall(r'<([^>]+)>; rel="(\w+)"', answer.headers.get("Link", ""))}


async def walk(client: Client, path: str, rel: str) -> list[list[str]]:
    """The skus of every page, following one link from page to page."""
    pages: list[list[str]] = []
    while True:
        answer = await client.http.get(path)
        assert answer.status_code == 200, answer.text
        pages.append([item["sku"] for item in answer.json()["items"]])
        assert ("next" in links(answer)) == (answer.json()["next_cursor"] is not None)
        assert ("prev" in links(answer)) == (answer.json()["prev_cursor"] is not None)
        if rel not in links(answer):
            return pages
        path = links(answer)[rel]


async def last_page(client: Client, path: str) -> str:
    """The link to the page that has no next one."""
    while following := links(await client.http.get(path)).get("next"):
        path = following
    return path


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (2, [2]), (4, [2, 2]), (5, [2, 2, 1])])
async def test_pages_forward_and_back_show_every_row_once(staff: Client, count: int, sizes: list[int]) -> None:
    skus = await shelves(staff, count)

    pages = await walk(staff, "/v1/products?limit=2", "next")
    back = await walk(staff, await last_page(staff, "/v1/products?limit=2"), "prev")

    assert [len(page) for page in pages] == sizes
    assert [sku for page in pages for sku in page] == skus
    assert [sku for page in reversed(back) for sku in page] == skus
    assert all(len(page) <= 2 for page in back)


async def test_the_first_page_has_none_before_it_and_the_last_none_after(staff: Client) -> None:
    await shelves(staff, 3)

    first = await staff.http.get("/v1/products?limit=2")
    last = await staff.http.get(links(first)["next"])
    first_again = await staff.http.get(links(last)["prev"])

    assert [set(links(answer)) for answer in (first, last)] == [{"next"}, {"prev"}]
    assert first_again.json()["items"] == first.json()["items"]
    assert first_again.json()["prev_cursor"] is None
    assert set(links(first_again)) == {"next"}


async def test_levels_are_paged_within_their_filter(staff: Client) -> None:
    skus = await shelves(staff, 4)
    await staff.stock("P0", "BER", 0)

    pages = await walk(staff, "/v1/stock?warehouse=AMS&limit=3", "next")

    assert [len(page) for page in pages] == [3, 1]
    assert sorted(sku for page in pages for sku in page) == skus


async def test_a_row_that_comes_in_while_pages_are_turned_moves_no_other(staff: Client) -> None:
    await shelves(staff, 4)
    first = await staff.http.get("/v1/products?limit=2")
    await staff.create_product("P00")

    second = await staff.http.get(links(first)["next"])

    assert [item["sku"] for item in second.json()["items"]] == ["P2", "P3"]


async def test_warehouses_are_paged_too(staff: Client) -> None:
    for code in ("CPH", "AMS", "BER"):
        await staff.create_warehouse(code)

    first = await staff.http.get("/v1/warehouses?limit=2")
    second = await staff.http.get(links(first)["next"])

    assert [item["code"] for answer in (first, second) for item in answer.json()["items"]] == ["AMS", "BER", "CPH"]


async def test_a_page_has_50_rows_unless_told_otherwise_and_at_most_200(nobody: Client, database: Database) -> None:
    await database.do("INSERT INTO products (product_id, sku, name) SELECT gen_random_uuid(), 'P' || n, 'P' FROM generate_series(1, 201) n")

    for query, count in (("", 50), ("?limit=200", 200), ("?limit=1", 1)):
        assert len((await nobody.http.get(f"/v1/products{query}")).json()["items"]) == count
    assert_fault(await nobody.http.get("/v1/products?limit=201"), "limit")


async def test_a_cursor_is_good_for_its_own_list_alone(staff: Client) -> None:
    await shelves(staff, 2)
    products = (await staff.http.get("/v1/products?limit=1")).json()["next_cursor"]
    levels = (await staff.http.get("/v1/stock?limit=1&warehouse=AMS")).json()["next_cursor"]

    for path in (
        f"/v1/warehouses?cursor={products}",
        f"/v1/stock?cursor={products}",
        f"/v1/stock?cursor={levels}",
        f"/v1/stock?warehouse=BER&cursor={levels}",
        f"/v1/stock?warehouse=AMS&sku=P0&cursor={levels}",
    ):
        assert_problem(await staff.http.get(path), 400, "bad_cursor")
    assert (await staff.http.get(f"/v1/stock?warehouse=AMS&limit=7&cursor={levels}")).status_code == 200


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "%00", "é", "../..", "W10", "A" * 1_000])
async def test_a_made_up_cursor_is_refused(unplugged_nobody: Client, cursor: str) -> None:
    assert_problem(await unplugged_nobody.http.get(f"/v1/products?cursor={cursor}"), 400, "bad_cursor")


async def test_a_cursor_as_long_as_one_likes_is_refused(unplugged_nobody: Client) -> None:
    assert_fault(await unplugged_nobody.http.get(f"/v1/products?cursor={'A' * (CURSOR_LENGTH_MAX + 1)}"), "cursor")
