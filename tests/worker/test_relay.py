"""Without these, one event becomes two mails or none, or a relay stops because of something it does not know."""

import asyncio
from collections.abc import Iterator

import pytest
from celery import Celery
from redis.asyncio import Redis

from services.runtime.database import Database as OurDatabase
from services.runtime.errors import Unavailable
from services.worker.app import create_celery
from services.worker.loops import look, run
from services.worker.metrics import Relayed
from services.worker.relay import deliver_once, expire_once, react
from tests.support.api import Client, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.delivery import end_leases, states
from tests.support.invariants import assert_invariants
from tests.support.options import Rounds
from tests.support.settings import Where, settings
from tests.support.together import together

_NEWER = "INSERT INTO outbox (name, entity_id, facts) VALUES ('reservation.gift_wrapped', gen_random_uuid(), '{}')"
_NOT_DONE = "SELECT name FROM outbox WHERE done_at IS NULL"
_EVENTS_TOLD = (
    "SELECT name, count(notification_id) FROM outbox LEFT JOIN notifications USING (event_id) GROUP BY event_id, name ORDER BY event_id"
)


@pytest.fixture
def celery(database: Database, broker_url: str) -> Iterator[Celery]:
    app = create_celery(settings(Where(database_url=database.url, broker_url=broker_url)))
    yield app
    app.close()


async def test_two_relays_at_once_turn_each_event_into_one_message(
    customer: Client, staff: Client, database: Database, *, ours: OurDatabase, celery: Celery, broker_url: str, rounds: Rounds
) -> None:
    await staff.stock("MUG", "AMS", 1_000_000)
    total = 0
    async with Redis.from_url(broker_url) as broker:
        for _ in range(rounds(quick=5, proof=200)):
            await together(*(_confirm(customer) for _ in range(6)))
            total += 6

            for _ in range(2):  # what one had locked the other skipped: the second time nobody is in the way
                await together(*(deliver_once(ours, celery, Relayed()) for _ in range(3)))

            assert await database.rows(_NOT_DONE) == []
            assert await broker.llen("celery") == total
    assert await states(database) == ["queued"] * total
    assert {(name, times) for name, times in await database.rows(_EVENTS_TOLD)} == {("reservation.held", 0), ("reservation.confirmed", 1)}
    await assert_invariants(database)


async def test_what_is_leased_is_published_again_only_when_its_lease_is_over(
    customer: Client, staff: Client, database: Database, *, ours: OurDatabase, celery: Celery
) -> None:
    await staff.stock("MUG", "AMS", 2)
    await _confirm(customer)

    assert await deliver_once(ours, celery, Relayed()) == 2 + 1  # held and confirmed happened; one is told
    assert await deliver_once(ours, celery, Relayed()) == 0
    await end_leases(database)
    assert await deliver_once(ours, celery, Relayed()) == 1


async def test_an_event_that_this_code_does_not_know_is_left_for_one_that_does(
    customer: Client, staff: Client, database: Database, ours: OurDatabase
) -> None:
    await database.do(_NEWER)
    await staff.stock("MUG", "AMS", 2)
    await _confirm(customer)

    assert (await ours.transact(react)).total() == 2

    assert await database.rows(_NOT_DONE) == [("reservation.gift_wrapped",)]


async def test_an_event_that_is_taken_again_is_not_told_again(
    customer: Client, staff: Client, database: Database, ours: OurDatabase
) -> None:
    await staff.stock("MUG", "AMS", 2)
    await _confirm(customer)

    await ours.transact(react)
    await database.do("UPDATE outbox SET done_at = NULL")
    assert (await ours.transact(react)).total() == 2

    assert await states(database) == ["queued"]


async def test_an_event_whose_reaction_fails_is_still_there(customer: Client, staff: Client, database: Database, ours: OurDatabase) -> None:
    await staff.stock("MUG", "AMS", 2)
    await _confirm(customer)
    await database.do("ALTER TABLE notifications ADD CONSTRAINT nobody_may_hear CHECK (false)")

    with pytest.raises(Exception, match="nobody_may_hear"):
        await ours.transact(react)
    await database.do("ALTER TABLE notifications DROP CONSTRAINT nobody_may_hear")

    assert (await ours.transact(react)).total() == 2
    assert await states(database) == ["queued"]


async def test_a_hold_that_is_over_is_ended_once_by_however_many_relays(
    customer: Client, staff: Client, database: Database, ours: OurDatabase
) -> None:
    await staff.stock("MUG", "AMS", 10)
    for _ in range(5):
        await expire(database, (await customer.place(line("MUG"))).json()["id"])
    await customer.place(line("MUG"))

    ended = await together(*(expire_once(ours) for _ in range(3)))

    assert sum(ended) == 5
    assert await database.rows("SELECT held FROM stock_now") == [(1,)]
    await assert_invariants(database)


async def test_a_relay_waits_out_a_database_that_cannot_be_reached() -> None:
    stop, rounds_done = asyncio.Event(), []

    async def work() -> int:
        rounds_done.append(1)
        if len(rounds_done) == 1:
            raise Unavailable("gone for a moment")
        stop.set()
        return 0

    async with asyncio.timeout(5):
        await run(work, stop)

    assert len(rounds_done) == 2


async def test_a_look_that_breaks_stops_neither_the_next_nor_the_relay() -> None:
    stop, looks = asyncio.Event(), []

    async def sample() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise KeyError("evicted_keys")
        stop.set()

    async with asyncio.timeout(5):
        await look(sample, stop, every_seconds=0.01)

    assert len(looks) == 2


async def _confirm(customer: Client) -> None:
    placed = await customer.place(line("MUG"))
    assert (await customer.confirm(placed.json()["id"])).is_success
