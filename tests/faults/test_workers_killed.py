"""Without these, an API worker that dies takes orders with it, or is never replaced."""

import asyncio
import random

from tests.faults.traffic import Traffic, assert_nothing_is_lost_or_done_twice
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.invariants import assert_invariants
from tests.support.load import load
from tests.support.options import Rounds
from tests.support.processes import Api as ApiProcess

_PER_SECOND = 40
_ROUNDS_MAX = 60  # a kill may hit nothing; so many do not
_STOP_WITHIN_SECONDS = 10


async def test_workers_that_are_killed_under_load_are_replaced_and_no_order_is_lost_or_done_twice(
    running: ApiProcess, traffic: Traffic, database: Database, rounds: Rounds
) -> None:
    async def are_up() -> bool:
        return len(running.workers) == 2

    # Two seconds on a machine that does nothing else. But uvicorn asks each worker twice a second whether it lives, and one that is killed
    # in that instant is missed when the answer is due.
    again_within_seconds = rounds(quick=60, proof=5)
    async with load(traffic.buy, per_second=_PER_SECOND) as requests:
        for n in range(_ROUNDS_MAX):
            if n >= rounds(quick=3, proof=50) and any(one.status is None for one in requests.heard):
                break
            await eventually(are_up, within_seconds=again_within_seconds)
            await asyncio.sleep(random.uniform(0, 0.5))  # at any moment of a worker's life
            for worker in running.workers[: 1 + n % 2]:  # in turns one of them and both
                worker.kill()
        await eventually(are_up, within_seconds=again_within_seconds)
        await running.until_ready()
    assert {one.status for one in requests.heard} <= {201, 503, None}
    assert None in {one.status for one in requests.heard}, "nobody was cut off: the kills hit nothing"  # so nothing was shown
    await assert_nothing_is_lost_or_done_twice(traffic, requests.heard, database)
    await assert_invariants(database)
    assert await running.program.stop(within_seconds=_STOP_WITHIN_SECONDS) == 0
