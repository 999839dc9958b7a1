"""Without these, what happened while the relay was away, or was killed at work, is never told, or told twice."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from services.runtime.log_writer import PIPE_BYTES_MAX
from tests.support.api import Client, confirm_one
from tests.support.database import Database
from tests.support.delivery import Deliver, are_sent, end_leases
from tests.support.eventually import eventually
from tests.support.fault_proxy import fault_proxy
from tests.support.mail import Mails
from tests.support.options import Rounds
from tests.support.processes import Processes

_WITHIN_SECONDS = 20
_FOLLOWS_WITHIN_SECONDS = 3
# Where a round of the relay can be cut short: events turned into mails, and mails leased, each before and after its commit.
# The first statement named is let through; the relay is killed while it waits for the answer to the last.
_MOMENTS = (
    [r"^INSERT INTO notifications"],
    [r"^COMMIT\b"],
    [r"^COMMIT\b", r"^UPDATE notifications"],
    [r"^COMMIT\b", r"^COMMIT\b"],
)


async def test_what_was_confirmed_while_no_relay_ran_is_told_once_though_two_start(
    customer: Client, staff: Client, database: Database, mails: Mails, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 100)
    confirmed = [await confirm_one(customer) for _ in range(30)]
    worker = processes.worker()

    for _ in range(2):
        processes.relay()

    await mails.arrive(30, within_seconds=_WITHIN_SECONDS)
    await eventually(partial(are_sent, database, 30), within_seconds=_WITHIN_SECONDS)
    told = [mail.as_string() for mail in mails.received]
    assert len({mail["Message-ID"] for mail in mails.received}) == len(mails.received) == 30
    worker.kill()  # sooner over than asked to stop
    assert all(sum(reservation_id in text for text in told) == 1 for reservation_id in confirmed)


async def test_a_relay_whose_log_nobody_reads_goes_on(
    customer: Client, staff: Client, mails: Mails, processes: Processes, tmp_path: Path
) -> None:
    await staff.stock("MUG", "AMS", 100)
    with _full_pipe(tmp_path / "0-services.worker.relay.log"):
        relay = processes.relay()
        processes.worker()

        await confirm_one(customer)

        await mails.arrive(1, within_seconds=_WITHIN_SECONDS)
        assert await relay.stop() == 0


async def test_a_relay_that_is_killed_at_work_loses_no_mail_and_repeats_none(
    customer: Client, staff: Client, database: Database, *, deliver: Deliver, mails: Mails, processes: Processes, rounds: Rounds
) -> None:
    await staff.stock("MUG", "AMS", 1_000_000)
    worker = processes.worker()
    for n in range(rounds(quick=len(_MOMENTS), proof=100)):
        await confirm_one(customer)

        await _killed_at(_MOMENTS[n % len(_MOMENTS)], processes)
        await end_leases(database)
        await deliver()  # the next one to start

        await mails.arrive(n + 1, within_seconds=_WITHIN_SECONDS)
        await eventually(partial(are_sent, database, n + 1), within_seconds=_WITHIN_SECONDS)
    assert len({mail["Message-ID"] for mail in mails.received}) == len(mails.received) == n + 1
    worker.kill()  # sooner over than asked to stop


async def _killed_at(moment: list[str], processes: Processes) -> None:
    """Run a relay until it waits for the answer to the last of these statements, then kill -9.

    A commit may be one of another loop of the relay's, and what should follow it never come: then it is killed where it is.
    """
    async with fault_proxy(processes.where.database_url) as proxy, asyncio.timeout(_WITHIN_SECONDS):
        withheld = proxy.withhold_answer_to(moment[0])
        relay = processes.relay(where=replace(processes.where, database_url=proxy.url))
        await withheld.answered.wait()
        for statement in moment[1:]:
            following = proxy.withhold_answer_to(statement)
            withheld.released.set()
            withheld = following
            with suppress(TimeoutError):
                async with asyncio.timeout(_FOLLOWS_WITHIN_SECONDS):
                    await withheld.answered.wait()
        assert not withheld.failed
        relay.kill()


@contextmanager
def _full_pipe(name: Path) -> Iterator[None]:
    """Whoever writes to it waits; afterwards there is an empty file."""
    os.mkfifo(name)
    pipe = os.open(name, os.O_RDWR | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe, b"-" * PIPE_BYTES_MAX)
    try:
        yield
    finally:
        os.close(pipe)
        name.unlink()
        name.touch()
