"""Without this, an error tracker that is down takes the shop with it."""

import json
import time
from pathlib import Path
from statistics import median

from tests.support.api import Client, api_at
from tests.support.database import Database
from tests.support.people import People
from tests.support.processes import Processes

_ERRORS = 20
_STOP_SECONDS_MAX = 6  # two of them for the tracker


async def test_with_a_dead_tracker_requests_break_as_fast_and_the_process_ends_in_time(
    processes: Processes, people: People, database: Database, dead_dsn: str, tmp_path: Path
) -> None:
    await database.do("ALTER TABLE products ADD CONSTRAINT nobody_knows_me CHECK (false) NOT VALID")
    without, dead = await processes.api(workers=1), await processes.api(workers=1, sentry_dsn=dead_dsn)
    async with api_at(without.url, people) as plain, api_at(dead.url, people) as reporting:
        calm, busy = await plain.staff(), await reporting.staff()
        took = [(await _break(calm), await _break(busy)) for _ in range(_ERRORS)]  # by turns: the machine is as busy for both
    began = time.monotonic()
    await dead.program.stop(within_seconds=_STOP_SECONDS_MAX)

    plain_seconds, reporting_seconds = (median(times) for times in zip(*took, strict=True))
    assert reporting_seconds < 2 * plain_seconds + 0.05  # a busy machine is not exact; who waited for the tracker would take seconds
    assert time.monotonic() - began < _STOP_SECONDS_MAX
    lines = [json.loads(line) for line in (tmp_path / "1-services.api.log").read_text().splitlines()]
    assert {line["event"] for line in lines} == {"redis.connected", "request"}  # nothing else has anything to say


async def _break(client: Client) -> float:
    """How many seconds a request takes that nobody foresaw."""
    began = time.monotonic()
    assert (await client.create_product("TEE")).status_code == 500
    return time.monotonic() - began
