"""Without this, a database that hangs takes every client with it, for as long as it likes."""

import asyncio
from time import monotonic

from services.runtime.engine import COMMAND_TIMEOUT_SECONDS
from tests.faults.traffic import Traffic, assert_nothing_is_lost_or_done_twice
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.load import load
from tests.support.options import Rounds
from tests.support.own_postgres import OwnPostgres
from tests.support.processes import Api as ApiProcess

_PER_SECOND = 20
_SLACK_SECONDS = 1.5  # two cores, shared with the clients
_MEMORY_BYTES_MAX = 400 << 20  # two workers need 220 MB when they are at rest


async def test_while_the_database_hangs_nobody_waits_longer_than_our_deadline(
    traffic: Traffic, running: ApiProcess, database: Database, postgres: OwnPostgres, rounds: Rounds
) -> None:
    async with load(traffic.ask, per_second=_PER_SECOND) as requests:
        await requests.succeeds(times=_PER_SECOND, within_seconds=10)
        hung = monotonic()

        postgres.hang()
        await asyncio.sleep(rounds(quick=COMMAND_TIMEOUT_SECONDS + 2, proof=10))
        postgres.go_on()

        back = monotonic()
        await requests.succeeds(times=_PER_SECOND, within_seconds=rounds(quick=10, proof=3))
    during = [one for one in requests.heard if one.ended > hung and one.started < back]
    assert max(one.seconds for one in during) < COMMAND_TIMEOUT_SECONDS + _SLACK_SECONDS
    assert {(one.status, one.code) for one in during if not one.is_success} <= {(503, "unavailable"), (503, "overloaded")}
    assert running.memory_bytes < _MEMORY_BYTES_MAX
    await assert_nothing_is_lost_or_done_twice(traffic, requests.heard, database)
    await assert_invariants(database)
