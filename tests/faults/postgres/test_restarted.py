"""Without these, a restart of the database is an outage of the API, or an order that was acknowledged is gone."""

import signal
from time import monotonic

import httpx
import pytest

from tests.faults.traffic import Traffic, assert_nothing_is_lost_or_done_twice
from tests.support.api import open_api
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.load import load
from tests.support.options import Rounds
from tests.support.own_postgres import FAST, IMMEDIATE, OwnPostgres
from tests.support.people import People

_PER_SECOND = 50
_LAST_ANSWERS = 25  # half a second of them


@pytest.mark.parametrize("how", [FAST, IMMEDIATE], ids=["fast", "immediate"])
async def test_while_the_database_restarts_everybody_is_told_to_come_back(
    traffic: Traffic, database: Database, postgres: OwnPostgres, *, how: signal.Signals, rounds: Rounds
) -> None:
    traffic.is_past_copies = True
    async with load(traffic.ask, per_second=_PER_SECOND) as running:
        for _ in range(rounds(quick=1, proof=5)):
            await running.succeeds(times=_LAST_ANSWERS, within_seconds=10)
            stopped = monotonic()

            await postgres.restart(how)

            back = monotonic()
            await running.succeeds(times=_LAST_ANSWERS, within_seconds=rounds(quick=10, proof=3))
            in_between = {one.status for one in running.started_since(stopped) if one.started < back}
            assert 503 in in_between
    assert {one.status for one in running.heard} == {200, 201, 503}
    refused = [one.answer for one in running.heard if one.answer and one.status == 503]
    assert {(one.json()["code"], "Retry-After" in one.headers) for one in refused} <= {("unavailable", True), ("overloaded", True)}
    await assert_nothing_is_lost_or_done_twice(traffic, running.heard, database)
    await assert_invariants(database)


async def test_while_the_database_restarts_a_copy_is_shown_to_whoever_needs_no_account(
    database: Database, people: People, postgres: OwnPostgres, *, cache_url: str, rounds: Rounds
) -> None:
    async with open_api(database, people, cache_url=cache_url) as api:
        assert (await (await api.staff()).create_product("TEE")).is_success
        nobody = (await api.client()).http

        async def look(_: str) -> httpx.Response:
            return await nobody.get("/v1/products/TEE")

        await look("first")
        async with load(look, per_second=_PER_SECOND) as running:
            for _ in range(rounds(quick=1, proof=5)):
                await postgres.restart(IMMEDIATE)
                await running.succeeds(times=_LAST_ANSWERS, within_seconds=10)
    assert {(one.status, one.answer and one.answer.headers["X-Cache"]) for one in running.heard} == {(200, "hit")}
