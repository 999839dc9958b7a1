"""Without these, the shelf is empty and nobody hears of it, or everybody hears of it with every order."""

import pytest

from tests.support.api import Client, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.problems import nothing_changes

LOW = "SELECT status FROM low_stock"
TOLD = "SELECT name FROM outbox WHERE name LIKE 'stock.%' ORDER BY event_id"
FACTS = (
    "SELECT entity_id = item_id, facts ->> 'item_id' = item_id::text, facts ->> 'available'"
    " FROM outbox, stock_items WHERE name LIKE 'stock.%' ORDER BY event_id"
)


async def told(database: Database) -> list[str]:
    return [name.removeprefix("stock.") for (name,) in await database.rows(TOLD)]


async def status(database: Database) -> str | None:
    found = await database.rows(LOW)
    return found[0][0] if found else None


async def place(customer: Client, quantity: int) -> str:
    reservation: str = (await customer.place(line("TEE", quantity))).json()["id"]
    return reservation


async def test_each_crossing_is_told_once_however_many_orders_follow(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5, low_stock_at=3)
    seen = []
    for _ in range(5):
        await place(customer, 1)
        seen.append((await status(database), await told(database)))

    assert seen == [(None, []), ("low", ["low"]), ("low", ["low"]), ("low", ["low"]), ("out", ["low", "out"])]
    assert await database.rows(FACTS) == [(True, True, "3"), (True, True, "0")]


async def test_one_order_that_takes_everything_is_told_as_out_and_not_as_low_too(
    customer: Client, staff: Client, database: Database
) -> None:
    await staff.stock("TEE", "AMS", 5, low_stock_at=3)

    await place(customer, 5)

    assert (await status(database), await told(database)) == ("out", ["out"])


async def test_that_it_gets_better_is_no_news_and_that_it_gets_worse_again_is(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5, low_stock_at=3)
    first, second = await place(customer, 3), await place(customer, 2)
    seen = []
    for reservation in (second, first):
        await customer.cancel(reservation)
        seen.append((await status(database), len(await told(database))))
    await place(customer, 4)

    assert seen == [("low", 2), (None, 2)]
    assert await told(database) == ["low", "out", "low"]


async def test_an_item_that_should_never_be_low_can_still_be_out(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 2, low_stock_at=0)
    await place(customer, 1)
    before = await status(database), await told(database)

    await place(customer, 1)

    assert before == (None, [])
    assert (await status(database), await told(database)) == ("out", ["out"])


async def test_an_item_that_is_new_and_empty_is_out_and_that_is_no_news(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 0, low_stock_at=3)
    before = await status(database)

    await staff.adjust("TEE", "AMS", 2)
    between = await status(database)
    await staff.adjust("TEE", "AMS", 2)

    assert (before, between, await status(database)) == ("out", "low", None)
    assert await told(database) == []


@pytest.mark.parametrize("how", ["adjust", "count", "transfer", "settings"])
async def test_whatever_takes_it_there_is_told(staff: Client, database: Database, how: str) -> None:
    await staff.stock("TEE", "AMS", 5, low_stock_at=3)
    if how == "adjust":
        await staff.adjust("TEE", "AMS", -2, reason="damage")
    elif how == "count":
        await staff.count({"sku": "TEE", "warehouse": "AMS", "counted": 3, "expected_on_hand": 5})
    elif how == "transfer":
        await staff.stock("TEE", "BER", 9)
        await staff.transfer("AMS", "BER", {"sku": "TEE", "quantity": 2})
    else:
        chosen = {"safety_stock": 2, "backorder_limit": 0, "low_stock_at": 3}
        changed = await staff.http.put("/v1/products/TEE/stock/AMS", json=chosen, headers={"If-Match": "*"})
        assert changed.is_success, changed.text

    assert ("low",) in await database.rows(LOW)
    assert await told(database) == ["low"]


async def test_a_confirmation_takes_nothing_that_was_not_held(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5, low_stock_at=3)
    reservation = await place(customer, 2)
    since = await database.rows("SELECT since FROM low_stock")

    await customer.confirm(reservation)
    await staff.fulfil(reservation)

    assert await told(database) == ["low"]
    assert await database.rows("SELECT since FROM low_stock") == since


async def test_units_of_a_hold_that_is_over_are_there_again_once_it_is_ended(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5, low_stock_at=3)
    await expire(database, await place(customer, 5))

    await database.do("SELECT expire_due(10)")

    assert (await status(database), await told(database)) == (None, ["out"])


async def test_an_order_that_is_refused_tells_nothing(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5, low_stock_at=3)

    async with nothing_changes(database):
        await customer.place(line("TEE", 6))

    assert await status(database) is None


async def test_the_list_of_what_is_low_is_what_the_crossings_wrote(customer: Client, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5, low_stock_at=3)
    await staff.stock("MUG", "AMS", 5, low_stock_at=3)
    await place(customer, 2)

    low, fine = [(await staff.levels(low_stock=is_low)).json() for is_low in ("true", "false")]

    assert [one["sku"] for one in low["items"]] == ["TEE"]
    assert [one["sku"] for one in fine["items"]] == ["MUG"]
    assert low["as_of"].endswith("Z")
