"""Without these, every deploy cuts a mail in half, or waits until the orchestrator loses its patience and kills."""

from dataclasses import replace
from functools import partial

from services.worker.app import HARD_LIMIT_SECONDS
from tests.support.api import Client, confirm_one, line
from tests.support.database import Database
from tests.support.delivery import Deliver, are_sent, end_leases, states
from tests.support.eventually import eventually
from tests.support.mail import Mails
from tests.support.options import Rounds
from tests.support.processes import Processes
from tests.support.scripted_smtp import BANNER, Fault, ScriptedSmtp, scripted_smtp

_START_SECONDS = 20
_STOP_SECONDS = 5
_WITHIN_SECONDS = 30


async def test_a_worker_that_is_told_to_stop_finishes_the_mail_in_its_hand(
    customer: Client, staff: Client, database: Database, mails: Mails, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 10)
    relay, worker = processes.relay(), processes.worker()
    mails.withhold_answers()
    await customer.confirm((await customer.place(line("MUG"))).json()["id"])
    await mails.arrive(1, within_seconds=_START_SECONDS)

    worker.terminate()

    assert await relay.stop(within_seconds=_STOP_SECONDS) == 0  # it has nothing in hand
    assert worker.is_running
    mails.answer_again()
    assert await worker.ended(within_seconds=_STOP_SECONDS) == 0
    assert await states(database) == ["sent"]
    assert len(mails.received) == 1


async def test_a_worker_that_is_told_to_stop_leaves_its_queue_to_the_next_one(
    customer: Client, staff: Client, database: Database, *, deliver: Deliver, mails: Mails, processes: Processes, rounds: Rounds
) -> None:
    count = rounds(quick=25, proof=200)
    await staff.stock("MUG", "AMS", count + 1)  # the last one would be news to the staff
    for _ in range(count):
        await confirm_one(customer)
    worker = processes.worker()
    while await deliver():
        continue

    await mails.arrive(3, within_seconds=_START_SECONDS)
    assert await worker.stop(within_seconds=_START_SECONDS) == 0

    went_out = len(mails.received)
    assert await states(database) != ["sent"] * count
    assert (await states(database)).count("sent") == went_out
    await end_leases(database)  # of what it had been handed and not begun, if the broker did not take that back
    await deliver()
    worker = processes.worker()
    await eventually(partial(are_sent, database, count), within_seconds=_WITHIN_SECONDS)
    assert len({mail["Message-ID"] for mail in mails.received}) == len(mails.received) == count
    worker.kill()  # sooner over than asked to stop


async def test_a_server_that_never_answers_does_not_keep_a_worker_from_stopping(
    customer: Client, staff: Client, database: Database, *, deliver: Deliver, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 2)  # the last one would be news to the staff
    async with scripted_smtp() as server:
        server.always[BANNER] = Fault.HANG
        worker = processes.worker(where=replace(processes.where, smtp_url=f"smtp://127.0.0.1:{server.port}"))
        await confirm_one(customer)
        await deliver()
        await eventually(partial(_is_called, server), within_seconds=_START_SECONDS)

        assert await worker.stop(within_seconds=HARD_LIMIT_SECONDS) == 0
    assert await states(database) == ["queued"]


async def _is_called(server: ScriptedSmtp) -> bool:
    return server.connections > 0
