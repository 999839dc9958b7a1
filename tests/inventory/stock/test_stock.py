"""Without these, two deliveries at once are one, or two clerks wait for each other."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.stock import commands, store
from services.inventory.stock.errors import StockBelowReserved
from services.inventory.stock.model import Adjustment, Change, StockSettings
from services.runtime.preconditions import EtagMismatch, Precondition
from tests.support.database import Database
from tests.support.eventually import until_blocked
from tests.support.invariants import assert_invariants
from tests.support.shop import Shop
from tests.support.together import together


@pytest.fixture
async def tees_and_mugs(shop: Shop) -> Shop:
    await shop.warehouse("AMS")
    for sku in ("TEE", "MUG"):
        await shop.product(sku)
        await shop.stock(sku, "AMS", 5)
    return shop


async def test_deliveries_at_once_are_added_up_whatever_their_order(tees_and_mugs: Shop, database: Database) -> None:
    one, other = Adjustment("TEE", "AMS", 1), Adjustment("MUG", "AMS", 1)

    await together(*(tees_and_mugs.deliver(*pair) for pair in [(one, other), (other, one)] * 4))

    assert await database.rows("SELECT on_hand FROM stock_levels") == [(13,), (13,)]
    assert await database.rows("SELECT max(on_hand_after), count(*) FROM stock_movements") == [(13, 18)]
    await assert_invariants(database)


async def test_the_ledger_tells_what_was_on_hand_after_each_move(tees_and_mugs: Shop, database: Database) -> None:
    for delta in (-5, 3):
        await tees_and_mugs.deliver(Adjustment("TEE", "AMS", delta))

    moves = await database.rows(
        "SELECT delta, on_hand_after FROM stock_movements JOIN stock_now USING (item_id) WHERE sku = 'TEE' ORDER BY movement_id"
    )
    assert moves == [(5, 5), (-5, 0), (3, 3)]


async def test_who_creates_an_item_second_is_told_so(shop: Shop, database: Database) -> None:
    await shop.warehouse("AMS")
    await shop.product("TEE")
    chosen = StockSettings(0, 0, 0)

    async def create() -> str:
        try:
            await shop.ours.transact(commands.configure_item, "TEE", "AMS", chosen, Precondition(must_be_absent=True))
        except EtagMismatch as refusal:
            return refusal.code
        return "created"

    assert sorted(await together(*(create() for _ in range(4)))) == ["created"] + ["etag_mismatch"] * 3
    assert await database.rows("SELECT count(*) FROM stock_levels") == [(1,)]


async def test_levels_are_locked_in_one_order_whatever_is_asked_for(tees_and_mugs: Shop, database: Database) -> None:
    items = [item for (item,) in await database.rows("SELECT item_id FROM stock_items ORDER BY item_id")]
    locked = asyncio.Event()

    async def lock(connection: AsyncConnection) -> list[object]:
        counters = await store.lock_levels(connection, list(reversed(items)))
        locked.set()
        return list(counters)

    async with database.transaction() as other:
        await other.execute("SELECT * FROM stock_levels WHERE item_id = $1 FOR UPDATE", items[0])
        locking = asyncio.create_task(tees_and_mugs.ours.transact(lock))
        await until_blocked(database, within_seconds=2)
        # It waits for the first and so has not locked the second.
        assert len(await database.rows("SELECT * FROM stock_levels WHERE item_id = $1 FOR UPDATE NOWAIT", items[1])) == 1
        assert not locked.is_set()

    assert await locking == items


async def test_a_change_that_the_check_missed_is_stopped_by_the_database(tees_and_mugs: Shop, database: Database) -> None:
    items = [item for (item,) in await database.rows("SELECT item_id FROM stock_items ORDER BY item_id")]

    with pytest.raises(Exception, match="promises_do_not_exceed_stock"):
        await tees_and_mugs.ours.transact(store.change_levels, {items[0]: Change(held=5), items[1]: Change(held=6)})

    assert await database.rows("SELECT held FROM stock_levels") == [(0,), (0,)]


async def test_stock_that_rose_to_meet_old_promises_may_still_rise(tees_and_mugs: Shop, database: Database) -> None:
    await database.do("UPDATE stock_levels SET held = 5")

    with pytest.raises(StockBelowReserved):
        await tees_and_mugs.deliver(Adjustment("TEE", "AMS", -1))
    [risen] = await tees_and_mugs.deliver(Adjustment("TEE", "AMS", 1))

    assert risen.on_hand == 6
