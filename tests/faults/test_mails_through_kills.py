"""Without these, a mail that was promised with a confirmation depends on no process dying while it is on its way."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import psutil  # type: ignore[import-untyped]

from tests.support.api import Client, confirm_one
from tests.support.database import Database
from tests.support.delivery import are_sent, end_leases
from tests.support.eventually import eventually
from tests.support.mail import Mails
from tests.support.options import Rounds
from tests.support.processes import Processes
from tests.support.program import Program

_WITHIN_SECONDS = 40
_MOMENT_SECONDS_MAX = 1.0  # a child is born in about that: killed faster, there would be none to send anything
_LATEST = "SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY sent_at - created_at) FROM notifications"


async def test_kills_lose_no_mail_and_double_no_more_than_one_each(
    customer: Client, staff: Client, database: Database, *, mails: Mails, processes: Processes, rounds: Rounds
) -> None:
    count, kills = rounds(quick=30, proof=1_000), rounds(quick=5, proof=200)
    await staff.stock("MUG", "AMS", count + 1)  # the last one would be news to the staff
    worker = processes.worker()
    processes.relay()

    for n in range(kills):
        for _ in range(count // kills):
            await confirm_one(customer)
        await mails.arrive(n + 1, within_seconds=_WITHIN_SECONDS)
        await asyncio.sleep(random.uniform(0, _MOMENT_SECONDS_MAX))
        _kill_a_child(worker)
    if count < 1_000:  # the proof waits for the leases that a kill leaves behind
        assert await worker.stop(within_seconds=_WITHIN_SECONDS) == 0
        await end_leases(database)
        worker = processes.worker()

    await eventually(lambda: are_sent(database, count), within_seconds=rounds(quick=_WITHIN_SECONDS, proof=150))
    copies = Counter(mail["Message-ID"] for mail in mails.received)
    owed = {f"<{row}@holdfast.example>" for (row,) in await database.rows("SELECT notification_id FROM notifications")}
    assert copies.keys() == owed
    assert copies.total() - count <= kills
    [(latest,)] = await database.rows(_LATEST)
    attempts = await database.rows("SELECT attempts, count(*) FROM notifications GROUP BY attempts ORDER BY attempts")
    print(f"{kills} kills, {copies.total() - count} copies, p99 from commit to mail {latest}, mails by attempts {dict(attempts)}")  # noqa: T201
    assert latest < timedelta(seconds=45)
    worker.kill()  # sooner over than asked to stop


def _kill_a_child(worker: Program) -> None:
    children = psutil.Process(worker.pid).children()
    if children:  # the last one's successor may not be born yet
        random.choice(children).kill()
