"""Without these, whoever queues for a hot sku hears something else than they would have heard alone, or never hears at all."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio

from services.inventory.reservations import placing
from services.inventory.reservations.batching import BATCH_MAX, QUEUE_MAX, Batches, QueueTooLong, open_batches
from services.inventory.reservations.errors import HoldLimitExceeded, InsufficientStock
from services.inventory.reservations.model import Order, OrderLine, Placed, Quota
from services.runtime.database import Contention
from services.runtime.error_reporting import reporting
from services.runtime.idempotency import IdempotencyKey, IdempotencyKeyReused
from services.runtime.trips import count_trips
from tests.races.gate import together_at_the_gate
from tests.support.api import line, open_api
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.eventually import eventually, until_blocked
from tests.support.invariants import assert_invariants
from tests.support.people import People
from tests.support.shop import Shop
from tests.support.statements import statements

_LAMP = Order((OrderLine("LAMP", 1, "AMS"),))
_SIT_ON_LEVEL = "SELECT FROM stock_levels FOR UPDATE"
_SLOW = """
    CREATE FUNCTION take_a_second() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON reservations FOR EACH ROW EXECUTE FUNCTION take_a_second();
"""

Asked = tuple[IdempotencyKey, Order]
Heard = Placed | BaseException


class Desk:
    """Where orders for lamps are placed, one customer's."""

    def __init__(self, shop: Shop, database: Database, batches: Batches) -> None:
        self.batches = batches
        self._shop = shop
        self._database = database

    def lamps(self, count: int, order: Order = _LAMP) -> list[Asked]:
        """So many orders, each with a key of its own."""
        return [(self._shop.key(), order) for _ in range(count)]

    def come(self, *asked: Asked) -> list[asyncio.Task[Placed]]:
        return [asyncio.create_task(placing.place(self._shop.ours, key, order, batches=self.batches)) for key, order in asked]

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[asyncio.Task[Placed]]:
        """Somebody is being served until the end of the context: who comes in it queues."""
        async with self._database.transaction() as keeper:
            await keeper.execute(_SIT_ON_LEVEL)
            [first] = self.come(*self.lamps(1))
            await until_blocked(self._database)
            yield first

    async def queue(self, *asked: Asked) -> list[Heard]:
        """What each of them hears who have queued behind somebody."""
        async with self.busy() as first:
            coming = self.come(*asked)
            await asyncio.sleep(0)  # they stand in the queue
        await first
        return await asyncio.gather(*coming, return_exceptions=True)

    @property
    def sizes(self) -> list[float]:
        """Of the batches so far, each as the bucket that it falls into."""
        found, before = list[float](), 0.0
        for bound, count in self.batches.sizes.buckets():
            found += [float(bound)] * int(count - before)
            before = count
        return found


@pytest_asyncio.fixture
async def batches(shop: Shop) -> AsyncIterator[Batches]:
    async with open_batches(shop.ours) as opened:
        yield opened


@pytest_asyncio.fixture
async def desk(shop: Shop, database: Database, batches: Batches) -> Desk:
    """There are 100 lamps; the first is for whoever is being served."""
    await shop.warehouse("AMS")
    await shop.product("LAMP")
    await shop.stock("LAMP", "AMS", 100)
    return Desk(shop, database, batches)


def _tally(heard: Sequence[Heard]) -> Counter[type]:
    return Counter(type(one) for one in heard)


async def _held(database: Database) -> int:
    [(held,)] = await database.rows("SELECT held FROM stock_levels")
    return int(held)


async def test_of_two_hundred_who_queue_for_the_last_units_as_many_get_one_as_there_are(desk: Desk, database: Database) -> None:
    with statements() as said:
        heard = await desk.queue(*desk.lamps(200))

    assert _tally(heard) == {Placed: 99, InsufficientStock: 101}
    assert [type(one) for one in heard[:99]] == [Placed] * 99, "whoever came first is served first"
    assert {fault["available"] for one in heard if isinstance(one, InsufficientStock) for fault in one.faults} == {0}
    assert desk.sizes == [8, BATCH_MAX, BATCH_MAX, BATCH_MAX]
    assert len(said) == 1 + 4
    assert await _held(database) == 100
    await assert_invariants(database)


async def test_who_is_too_little_for_is_not_in_the_way_of_who_wants_less(desk: Desk, database: Database) -> None:
    many, two = (Order((OrderLine("LAMP", quantity, "AMS"),)) for quantity in (98, 2))

    heard = await desk.queue(*desk.lamps(1, many), *desk.lamps(1, two), *desk.lamps(2))

    assert [type(one) for one in heard] == [Placed, InsufficientStock, Placed, InsufficientStock]
    refused = [fault for one in heard if isinstance(one, InsufficientStock) for fault in one.faults]
    assert [(fault["requested"], fault["available"]) for fault in refused] == [(2, 1), (1, 0)]
    await assert_invariants(database)


async def test_a_key_that_is_sent_a_hundred_times_in_a_batch_is_one_reservation(desk: Desk, database: Database) -> None:
    asked = desk.lamps(1) * 100

    heard = await desk.queue(*asked, (replace(asked[0][0], fingerprint=b"something else"), _LAMP))

    assert isinstance(heard.pop(), IdempotencyKeyReused)
    assert len({one.reservation.reservation_id for one in heard if isinstance(one, Placed)}) == 1
    assert [one.is_replay for one in heard if isinstance(one, Placed)] == [False] + [True] * 99
    assert await _held(database) == 2
    await assert_invariants(database)


async def test_an_account_that_fills_a_batch_has_no_more_on_hold_than_it_may(desk: Desk, database: Database) -> None:
    limited = replace(_LAMP, quota=Quota(holds_max=4, units_of_a_sku_max=100))

    heard = await desk.queue(*desk.lamps(20, limited))

    assert _tally(heard) == {Placed: 3, HoldLimitExceeded: 17}
    assert await _held(database) == 4
    await assert_invariants(database)


async def test_a_batch_ends_what_is_over_and_stands_in_its_way(desk: Desk, database: Database) -> None:
    [over] = [await placed for placed in desk.come(*desk.lamps(1, Order((OrderLine("LAMP", 99, "AMS"),))))]
    async with desk.busy() as first:
        coming = desk.come(*desk.lamps(50))
        await asyncio.sleep(0)
        await expire(database, over.reservation.reservation_id)
    await first

    with statements() as said:
        heard = await asyncio.gather(*coming)

    assert _tally(heard) == {Placed: 50}
    assert sum("expire_due" in statement for statement in said) == 1
    await assert_invariants(database)


async def test_who_gives_up_in_the_queue_has_asked_for_nothing(desk: Desk, database: Database) -> None:
    asked = desk.lamps(3)
    async with desk.busy() as first:
        coming = desk.come(*asked)
        await asyncio.sleep(0)
        coming[1].cancel()
    await first
    heard = await asyncio.gather(*coming, return_exceptions=True)

    assert [type(one) for one in heard] == [Placed, asyncio.CancelledError, Placed]
    assert await _held(database) == 3
    await assert_invariants(database)


async def test_who_gives_up_once_the_batch_has_begun_finds_the_answer_under_the_key(desk: Desk, database: Database) -> None:
    asked = desk.lamps(3)
    async with database.transaction() as keeper:
        async with desk.busy() as first:
            coming = desk.come(*asked)
            sitting = asyncio.create_task(keeper.execute(_SIT_ON_LEVEL))
            await until_blocked(database, 2)
        await asyncio.gather(first, sitting)
        await until_blocked(database)
        coming[1].cancel()
        await asyncio.wait([coming[1]])
    await asyncio.gather(*coming, return_exceptions=True)

    [again] = desk.come(asked[1])

    assert coming[1].cancelled()
    assert (await again).is_replay
    assert await _held(database) == 4
    await assert_invariants(database)


async def test_a_batch_that_fails_is_placed_one_by_one(desk: Desk, database: Database) -> None:
    await database.do("DROP FUNCTION reserve_batch")
    seen = reporting.seen

    heard = await desk.queue(*desk.lamps(20))

    assert _tally(heard) == {Placed: 20}
    assert reporting.seen == seen + 1, "nobody would ever know"
    assert desk.batches.left_alone == 20
    await assert_invariants(database)


async def test_who_waits_for_a_row_that_somebody_sits_on_hears_that_and_no_later_than_alone(desk: Desk, database: Database) -> None:
    async with database.transaction() as keeper:
        async with desk.busy() as first:
            coming = desk.come(*desk.lamps(5))
            sitting = asyncio.create_task(keeper.execute(_SIT_ON_LEVEL))
            await until_blocked(database, 2)
        await asyncio.gather(first, sitting)
        async with asyncio.timeout(1.5):
            heard = await asyncio.gather(*coming, return_exceptions=True)

    assert _tally(heard) == {Contention: 5}
    assert await _held(database) == 1


async def test_a_queue_that_is_too_long_is_closed(desk: Desk, database: Database) -> None:
    async with desk.busy() as first:
        coming = desk.come(*desk.lamps(QUEUE_MAX + 1))
        await asyncio.sleep(0)
        with pytest.raises(QueueTooLong):
            await coming.pop()
        for waiting in coming:
            waiting.cancel()
    await first

    assert await _held(database) == 1


async def test_nobody_queues_for_longer_than_a_lock_may_be_waited_for_after_it(desk: Desk, database: Database) -> None:
    await database.do(_SLOW)
    [first] = desk.come(*desk.lamps(1))
    await asyncio.sleep(0)

    async with asyncio.timeout(0.9):
        heard = await asyncio.gather(*desk.come(*desk.lamps(3)), return_exceptions=True)

    assert _tally(heard) == {QueueTooLong: 3}
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
    assert _tally(await asyncio.gather(*coming)) == {Placed: 5}


async def test_the_trips_of_a_batch_are_counted_once(shop: Shop, desk: Desk) -> None:
    trips = []

    async def come(asked: Asked) -> None:
        trips.append(count_trips())
        await asyncio.gather(*desk.come(asked))

    async def has_come(count: int) -> bool:
        return len(trips) == count

    before = shop.ours.round_trips
    async with desk.busy() as first:
        coming = [asyncio.create_task(come(asked)) for asked in desk.lamps(10)]
        await eventually(lambda: has_come(10), within_seconds=1)
    await asyncio.gather(first, *coming)

    assert [one.database for one in trips] == [1] + [0] * 9
    assert shop.ours.round_trips - before == 2


@pytest.mark.parametrize("batching", ["on", "off"])
async def test_over_http_nobody_can_tell_whether_there_are_batches(database: Database, people: People, batching: str) -> None:
    async with open_api(database, people, batching=batching) as api:
        staff, buyers = await api.staff(), await api.customers(10)
        await staff.stock("LAMP", "AMS", 7)
        orders = [buyer.place(line("LAMP"), key=f"key-{n}") for n in range(3) for buyer in buyers]

        with statements() as said:
            answers = await together_at_the_gate(database, *orders, gate="LOCK TABLE reservations IN SHARE MODE", at_once=1)

    assert Counter((answer.status_code, answer.json().get("code")) for answer in answers) == {
        (201, None): 7,
        (409, "insufficient_stock"): 23,
    }
    assert any("reserve_batch" in statement for statement in said) == (batching == "on")
    await assert_invariants(database)
