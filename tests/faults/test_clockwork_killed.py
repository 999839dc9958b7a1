"""Without these, a relay that is killed over the staff's mail or a customer's reminder takes it with it, or the next one repeats it."""

import asyncio
import json
from dataclasses import replace
from functools import partial

from services.runtime.database import Database as OurDatabase
from services.worker.relay import remind_once
from tests.support.api import Client, line
from tests.support.clock import ends_in
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.fault_proxy import fault_proxy
from tests.support.processes import Processes

_WITHIN_SECONDS = 20
# Where the staff's mail can be cut short: the turn taken, the crossings taken, the mail owed, and nothing of it committed.
_MOMENTS = (r"^INSERT INTO turns", r"DELETE FROM crossings", r"^INSERT INTO notifications")
_OWED = "SELECT facts -> 'crossings' FROM notifications WHERE kind LIKE 'stock.%'"
_REMINDED = "SELECT count(*) FROM outbox WHERE name = 'reservation.expiring'"


async def test_the_staff_hear_once_of_each_crossing_though_relays_are_killed_over_their_mail_and_then_two_run(
    customer: Client, staff: Client, database: Database, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 5, low_stock_at=3)
    await customer.place(line("MUG", 2))
    for moment in _MOMENTS:
        await _killed_at(moment, processes)
        assert await database.rows(_OWED) == []
    await customer.place(line("MUG", 3))

    for _ in range(2):
        processes.relay()
    await eventually(partial(_are_handled, database), within_seconds=_WITHIN_SECONDS)
    await eventually(partial(_are_told, database), within_seconds=_WITHIN_SECONDS)

    told = [json.loads(facts) for (facts,) in await database.rows(_OWED)]
    assert sorted((one["kind"], one["available"]) for crossings in told for one in crossings) == [("stock.low", 3), ("stock.out", 0)]


async def test_a_relay_that_is_killed_before_it_hears_that_a_reminder_is_written_repeats_none(
    customer: Client, staff: Client, database: Database, *, ours: OurDatabase, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 5)
    await ends_in(database, (await customer.place(line("MUG"))).json()["id"], seconds=110)

    await _killed_at(r"reminded AS", processes)

    assert await remind_once(ours) == 0
    assert await database.rows(_REMINDED) == [(1,)]


async def _killed_at(moment: str, processes: Processes) -> None:
    """Run a relay until it waits for the answer to this statement, then kill -9."""
    async with fault_proxy(processes.where.database_url) as proxy, asyncio.timeout(_WITHIN_SECONDS):
        withheld = proxy.withhold_answer_to(moment)
        relay = processes.relay(where=replace(processes.where, database_url=proxy.url))
        await withheld.answered.wait()
        assert not withheld.failed
        relay.kill()
        await relay.ended(within_seconds=_WITHIN_SECONDS)


async def _are_handled(database: Database) -> bool:
    return await database.rows("SELECT count(*) FROM outbox WHERE done_at IS NULL") == [(0,)]


async def _are_told(database: Database) -> bool:
    # What crossed after the mail about the first has its minute to wait.
    await database.do("UPDATE turns SET taken_at = taken_at - interval '1 minute'")
    return await database.rows("SELECT count(*) FROM crossings") == [(0,)]
