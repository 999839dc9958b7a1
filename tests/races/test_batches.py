"""Without these, whoever is served together with others hears something else than they would have heard alone."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from services.inventory.reservations.batching import BATCH_MAX
from services.inventory.reservations.errors import HoldLimitExceeded, InsufficientStock
from services.inventory.reservations.model import Order, OrderLine, Placed, Quota
from services.runtime.idempotency import IdempotencyKeyReused
from services.runtime.trips import count_trips
from tests.races.gate import together_at_the_gate
from tests.support.api import line, open_api
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.desk import LAMP, Asked, Desk, held, tally
from tests.support.eventually import eventually
from tests.support.invariants import assert_invariants
from tests.support.people import People
from tests.support.shop import Shop
from tests.support.statements import statements


async def test_of_two_hundred_who_queue_for_the_last_units_as_many_get_one_as_there_are(desk: Desk, database: Database) -> None:
    with statements() as said:
        heard = await desk.queue(*desk.lamps(200))

    assert tally(heard) == {Placed: 99, InsufficientStock: 101}
    assert [type(one) for one in heard[:99]] == [Placed] * 99, "whoever came first is served first"
    assert {fault["available"] for one in heard if isinstance(one, InsufficientStock) for fault in one.faults} == {0}
    assert desk.sizes == [8, BATCH_MAX, BATCH_MAX, BATCH_MAX]
    assert len(said) == 1 + 4
    assert await held(database) == 100
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

    heard = await desk.queue(*asked, (replace(asked[0][0], fingerprint=b"something else"), LAMP))

    assert isinstance(heard.pop(), IdempotencyKeyReused)
    assert len({one.reservation.reservation_id for one in heard if isinstance(one, Placed)}) == 1
    assert [one.is_replay for one in heard if isinstance(one, Placed)] == [False] + [True] * 99
    assert await held(database) == 2
    await assert_invariants(database)


async def test_an_account_that_fills_a_batch_has_no_more_on_hold_than_it_may(desk: Desk, database: Database) -> None:
    limited = replace(LAMP, quota=Quota(holds_max=4, units_of_a_sku_max=100))

    heard = await desk.queue(*desk.lamps(20, limited))

    assert tally(heard) == {Placed: 3, HoldLimitExceeded: 17}
    assert await held(database) == 4
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

    assert tally(heard) == {Placed: 50}
    assert sum("expire_due" in statement for statement in said) == 1
    await assert_invariants(database)


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
