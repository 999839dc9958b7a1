"""Without these, whoever queues for a hot sku waits for ever, or gets what they no longer want."""

import asyncio

import pytest

from services.inventory.reservations.batching import QUEUE_MAX, QueueTooLong, open_batches
from services.inventory.reservations.model import Placed
from services.runtime.database import Contention
from services.runtime.error_reporting import reporting
from tests.support.database import Database
from tests.support.desk import SIT_ON_LEVEL, Desk, held, tally
from tests.support.eventually import until_blocked
from tests.support.invariants import assert_invariants
from tests.support.shop import Shop

_SLOW = """
    CREATE FUNCTION take_a_second() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON reservations FOR EACH ROW EXECUTE FUNCTION take_a_second();
"""


async def test_who_gives_up_in_the_queue_has_asked_for_nothing(desk: Desk, database: Database) -> None:
    asked = desk.lamps(3)
    async with desk.busy() as first:
        coming = desk.come(*asked)
        await asyncio.sleep(0)
        coming[1].cancel()
    await first
    heard = await asyncio.gather(*coming, return_exceptions=True)

    assert [type(one) for one in heard] == [Placed, asyncio.CancelledError, Placed]
    assert await held(database) == 3
    await assert_invariants(database)


async def test_who_gives_up_once_the_batch_has_begun_finds_the_answer_under_the_key(desk: Desk, database: Database) -> None:
    asked = desk.lamps(3)
    async with database.transaction() as keeper:
        async with desk.busy() as first:
            coming = desk.come(*asked)
            sitting = asyncio.create_task(keeper.execute(SIT_ON_LEVEL))
            await until_blocked(database, 2)
        await asyncio.gather(first, sitting)
        await until_blocked(database)
        coming[1].cancel()
        await asyncio.wait([coming[1]])
    await asyncio.gather(*coming, return_exceptions=True)

    [again] = desk.come(asked[1])

    assert coming[1].cancelled()
    assert (await again).is_replay
    assert await held(database) == 4
    await assert_invariants(database)


async def test_a_batch_that_fails_is_placed_one_by_one(desk: Desk, database: Database) -> None:
    await database.do("DROP FUNCTION reserve_batch")
    seen = reporting.seen

    heard = await desk.queue(*desk.lamps(20))

    assert tally(heard) == {Placed: 20}
    assert reporting.seen == seen + 1, "nobody would ever know"
    assert desk.batches.left_alone == 20
    await assert_invariants(database)


async def test_who_waits_for_a_row_that_somebody_sits_on_hears_that_and_no_later_than_alone(desk: Desk, database: Database) -> None:
    async with database.transaction() as keeper:
        async with desk.busy() as first:
            coming = desk.come(*desk.lamps(5))
            sitting = asyncio.create_task(keeper.execute(SIT_ON_LEVEL))
            await until_blocked(database, 2)
        await asyncio.gather(first, sitting)
        async with asyncio.timeout(1.5):
            heard = await asyncio.gather(*coming, return_exceptions=True)

    assert tally(heard) == {Contention: 5}
    assert await held(database) == 1


async def test_a_queue_that_is_too_long_is_closed(desk: Desk, database: Database) -> None:
    async with desk.busy() as first:
        coming = desk.come(*desk.lamps(QUEUE_MAX + 1))
        await asyncio.sleep(0)
        with pytest.raises(QueueTooLong):
            await coming.pop()
        for waiting in coming:
            waiting.cancel()
    await first

    assert await held(database) == 1


async def test_nobody_queues_for_longer_than_a_lock_may_be_waited_for_after_it(desk: Desk, database: Database) -> None:
    await database.do(_SLOW)
    [first] = desk.come(*desk.lamps(1))
    await asyncio.sleep(0)

    async with asyncio.timeout(0.9):
        heard = await asyncio.gather(*desk.come(*desk.lamps(3)), return_exceptions=True)

    assert tally(heard) == {QueueTooLong: 3}
    assert not first.done()
    await first
    assert desk.sizes == []


async def test_what_has_begun_is_finished_before_the_process_ends(shop: Shop, desk: Desk, database: Database) -> None:
    async with open_batches(shop.ours) as batches:
        async with Desk(shop, database, batches).busy() as first:
            coming = Desk(shop, database, batches).come(*desk.lamps(5))
            await asyncio.sleep(0)
        await first
        assert len(batches.running) == 1

    assert not batches.running
    assert tally(await asyncio.gather(*coming)) == {Placed: 5}
