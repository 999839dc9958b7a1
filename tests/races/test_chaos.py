"""Without these, two who lock the same rows in another order wait for each other, and one is thrown out; or a counter drifts unseen."""

import pytest
import pytest_asyncio

from services.runtime.engine import LOCK_TIMEOUT_MS
from tests.races.chaos import Chaos
from tests.support.api import Api, Client
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.invariants import assert_invariants
from tests.support.options import Rounds
from tests.support.processes import Processes

# PostgreSQL looks for deadlocks only after a second, and by then our lock_timeout has cut the wait short: nobody would ever see one.
_LOOK_FOR_DEADLOCKS = f"""
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = {LOCK_TIMEOUT_MS // 10}', current_database()); END $$
"""
# A session counts what it saw when it ends, or ten seconds later.
_SESSIONS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'holdfast-%'"
_END_SESSIONS = f"SELECT pid, pg_terminate_backend(pid) {_SESSIONS}"
_OF_THOSE = f"SELECT pid {_SESSIONS} AND pid = ANY ($1)"
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
_ENDED_WITHIN_SECONDS = 10
_PATIENCE_SECONDS = 30

pytestmark = pytest.mark.usefixtures("watched")


@pytest_asyncio.fixture(autouse=True)
async def deadlocks_are_seen(database: Database, processes: Processes) -> None:
    """And a relay runs, which ends holds whose time is over."""
    await database.do(_LOOK_FOR_DEADLOCKS)
    await database.do(_END_SESSIONS)
    processes.relay()


async def test_whatever_many_do_at_once_nobody_waits_in_a_circle(staff: Client, database: Database, rounds: Rounds) -> None:
    chaos = Chaos(staff)
    await chaos.open(staff)

    await _rage(chaos, database, seconds=rounds(quick=3, proof=60))


async def test_nor_when_the_database_is_far_away(staff: Client, far_api: Api, database: Database, rounds: Rounds) -> None:
    chaos = Chaos(await far_api.client(staff.person))
    await chaos.open(staff)

    await _rage(chaos, database, seconds=rounds(quick=3, proof=60))


async def _rage(chaos: Chaos, database: Database, *, seconds: float) -> None:
    await chaos.rage(seconds=seconds, seconds_max=seconds + _PATIENCE_SECONDS)

    assert await _deadlocks(database) == 0
    assert {heard for heard in chaos.heard if not _is_allowed(*heard[1:])} == set()
    assert chaos.done == chaos.verbs, f"nobody could do some of it: {chaos.heard}"
    await assert_invariants(database)


def _is_allowed(status: int, code: str | None) -> bool:
    return status in {200, 201, 409} or (status, code) in {(503, "contention"), (503, "overloaded"), (503, "unavailable")}


async def _deadlocks(database: Database) -> int:
    ended = [pid for pid, _ in await database.rows(_END_SESSIONS)]

    async def are_gone() -> bool:
        return await database.rows(_OF_THOSE, ended) == []

    await eventually(are_gone, within_seconds=_ENDED_WITHIN_SECONDS)
    [(deadlocks,)] = await database.rows(_DEADLOCKS)
    return int(deadlocks)
