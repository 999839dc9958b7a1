"""Without these, a restart of the database is an outage of the API, or an order that was acknowledged is gone."""

import signal
from time import monotonic

import pytest

from tests.faults.traffic import Traffic, assert_nothing_is_lost_or_done_twice
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.load import load
from tests.support.options import Rounds
from tests.support.own_postgres import FAST, IMMEDIATE, OwnPostgres

_PER_SECOND = 50
_LAST_ANSWERS = 25  # half a second of them


@pytest.mark.parametrize("how", [FAST, IMMEDIATE], ids=["fast", "immediate"])
async def test_while_the_database_restarts_everybody_is_told_to_come_back(
    traffic: Traffic, database: Database, postgres: OwnPostgres, *, how: signal.Signals, rounds: Rounds
) -> None:
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
