"""Without these, a mail is lost with the worker that had it in hand, or the customer cannot tell one mail sent twice from two."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import psutil  # type: ignore[import-untyped]
import pytest

from services.inventory.notifications.model import FAILURES_MAX
from tests.support.api import Client, confirm_one
from tests.support.database import Database
from tests.support.delivery import Deliver, are_sent, end_leases, states
from tests.support.eventually import eventually
from tests.support.fault_proxy import fault_proxy
from tests.support.mail import Mails
from tests.support.options import Rounds
from tests.support.processes import Processes
from tests.support.program import Program

_WITHIN_SECONDS = 20


def _kill_children(processes: Processes, worker: Program) -> Program:
    """The worker that goes on, with children that it makes anew."""
    del processes
    for child in psutil.Process(worker.pid).children():
        child.kill()
    return worker


def _kill_whole(processes: Processes, worker: Program) -> Program:
    worker.kill()
    return processes.worker()


@pytest.mark.parametrize("kill", [_kill_children, _kill_whole], ids=["child", "whole"])
async def test_a_mail_whose_worker_is_killed_before_it_heard_that_it_was_taken_comes_again_under_its_id(
    customer: Client,
    staff: Client,
    database: Database,
    *,
    deliver: Deliver,
    mails: Mails,
    processes: Processes,
    rounds: Rounds,
    kill: Callable[[Processes, Program], Program],
) -> None:
    worker = processes.worker()
    await staff.stock("MUG", "AMS", 1_000_000)
    for n in range(rounds(quick=1, proof=100)):
        mails.withhold_answers()
        await confirm_one(customer)
        await deliver()
        await mails.arrive(2 * n + 1, within_seconds=_WITHIN_SECONDS)

        worker = kill(processes, worker)
        mails.answer_again()
        await end_leases(database)
        await deliver()

        *_, first, second = await mails.arrive(2 * n + 2, within_seconds=_WITHIN_SECONDS)
        await eventually(partial(are_sent, database, n + 1), within_seconds=_WITHIN_SECONDS)
        assert first["Message-ID"] == second["Message-ID"]
        assert first["Date"] == second["Date"]
    assert len(mails.received) == 2 * (n + 1)
    assert await database.rows("SELECT DISTINCT attempts, last_error FROM notifications") == [(2, None)]
    worker.kill()  # sooner over than asked to stop


async def test_a_mail_whose_worker_is_killed_before_the_server_had_it_comes_once(
    customer: Client, staff: Client, database: Database, *, deliver: Deliver, mails: Mails, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 2)  # the last one would be news to the staff
    async with fault_proxy(mails.url) as hanging:
        hanging.hang()
        worker = processes.worker(where=replace(processes.where, smtp_url=hanging.url))
        await confirm_one(customer)
        await deliver()
        await eventually(partial(_is_being_sent, database), within_seconds=_WITHIN_SECONDS)

        _kill_children(processes, worker)
        hanging.resume()
        await end_leases(database)
        await deliver()

        await eventually(partial(are_sent, database, 1), within_seconds=_WITHIN_SECONDS)
        assert len(mails.received) == 1
        worker.kill()  # sooner over than asked to stop


async def test_a_mail_that_kills_its_worker_again_and_again_is_dead_after_five_and_the_others_are_sent(
    customer: Client, staff: Client, database: Database, *, deliver: Deliver, mails: Mails, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 9)
    worker = processes.worker()
    mails.withhold_answers()
    await confirm_one(customer)
    for n in range(1, FAILURES_MAX + 1):
        await deliver()
        await mails.arrive(n, within_seconds=_WITHIN_SECONDS)
        _kill_children(processes, worker)
        await end_leases(database)
    await confirm_one(customer)
    mails.answer_again()

    await deliver()

    await eventually(partial(_are, database, ["dead", "sent"]), within_seconds=_WITHIN_SECONDS)
    assert len({mail["Message-ID"] for mail in mails.received[:FAILURES_MAX]}) == 1
    assert len(mails.received) == FAILURES_MAX + 1
    worker.kill()  # sooner over than asked to stop


async def _is_being_sent(database: Database) -> bool:
    return await _are(database, ["sending"])


async def _are(database: Database, expected: list[str]) -> bool:
    return await states(database) == expected
