"""Without these, one thing that hangs in the database takes every client with it, and goes on doing so when it no longer hangs."""

import asyncio
from contextlib import AsyncExitStack
from time import monotonic

import httpx

from tests.faults.traffic import SKUS, Traffic
from tests.support.api import api_at, line
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.load import Heard, load
from tests.support.options import Rounds
from tests.support.people import People, Person
from tests.support.processes import Api as ApiProcess
from tests.support.together import together

_PER_SECOND = 20
_MEMORY_BYTES_MAX = 400 << 20  # two workers need 220 MB when they are at rest
_SLOW_SECONDS = 2
_SLOW_QUERIES = 500
_CLIENTS = 20
_SHED = {(503, "overloaded"), (503, "unavailable")}  # no connection was free, or a new one took too long
# What it does for a quota it does slowly, with no lock in its hand.
_IS_SLOW_FOR_MUGS = f"""
    CREATE OR REPLACE FUNCTION exceeds_quota(
      p_account uuid, p_skus text[], p_quantities int[], p_holds_max int, p_units_of_a_sku_max int, p_except uuid DEFAULT NULL
    ) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
      IF p_skus = '{{MUG}}' THEN PERFORM pg_sleep({_SLOW_SECONDS}); END IF;
      RETURN false;
    END $$
"""
_SIT_ON = """
    SELECT FROM stock_levels JOIN stock_items USING (item_id) JOIN products USING (product_id) WHERE sku = $1 FOR UPDATE OF stock_levels
"""


async def test_who_sleeps_on_a_hot_row_holds_up_only_those_who_want_it(traffic: Traffic, database: Database, rounds: Rounds) -> None:
    hot, *_ = SKUS

    async def want_it(key: str) -> httpx.Response:
        return await traffic.client.place(line(hot), key=key)

    async with load(traffic.look, per_second=_PER_SECOND) as others, load(want_it, per_second=2) as wanting:
        await others.succeeds(times=_PER_SECOND, within_seconds=10)
        async with database.transaction() as sleeping:
            await sleeping.execute(_SIT_ON, hot)
            sat = monotonic()
            await asyncio.sleep(rounds(quick=3, proof=10))
            stood_up = monotonic()
    refused = [one for one in wanting.heard if not one.is_success]
    # The first of them waits for the row, and who comes meanwhile for the first.
    assert (503, "contention") in {(one.status, one.code) for one in refused} <= {(503, "contention"), (503, "overloaded")}
    # Nobody waits for a second: 0.9 s for a connection, and 0.4 s for the row. One who waits for both waits longer.
    assert max(one.seconds for one in refused) * 1_000 < rounds(quick=10_000, proof=1_500)
    assert _share_of_successes([one for one in others.heard if sat < one.started < stood_up]) > 0.8


async def test_many_slow_queries_at_once_are_shed_and_then_all_is_well(
    traffic: Traffic, running: ApiProcess, database: Database, *, people: People, rounds: Rounds
) -> None:
    await database.do(_IS_SLOW_FOR_MUGS)
    async with load(traffic.look, per_second=_PER_SECOND) as others:
        await others.succeeds(times=_PER_SECOND, within_seconds=10)
        slow = await _ask_at_once(running.url, people, traffic.client.person)
        await others.succeeds(times=_PER_SECOND, within_seconds=rounds(quick=10, proof=3))
    assert {(one.status_code, one.json().get("code")) for one in slow} <= {(201, None), *_SHED}
    # One after the other they would take a minute and a half.
    assert max(one.elapsed.total_seconds() for one in slow) < rounds(quick=20, proof=_SLOW_SECONDS + 2)
    assert {(one.status, one.code) for one in others.heard} <= {(200, None), *_SHED}
    assert {one.status_code for one in slow} == {201, 503}
    assert running.memory_bytes < _MEMORY_BYTES_MAX
    await assert_invariants(database)


async def _ask_at_once(url: str, people: People, person: Person | None) -> list[httpx.Response]:
    """What is slow, by many clients: one of httpx's needs longer the more it has to do at once."""
    async with AsyncExitStack() as stack:
        apis = [await stack.enter_async_context(api_at(url, people)) for _ in range(_CLIENTS)]
        clients = [await api.client(person) for api in apis]
        return await together(*(clients[n % _CLIENTS].place(line("MUG")) for n in range(_SLOW_QUERIES)))


def _share_of_successes(answers: list[Heard]) -> float:
    return sum(one.is_success for one in answers) / len(answers)
