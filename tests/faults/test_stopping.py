"""Without these, every deploy cuts a mail in half, or waits until the orchestrator loses its patience and kills."""

from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.delivery import states
from tests.support.mail import Mails
from tests.support.processes import Processes

_START_SECONDS = 20
_STOP_SECONDS = 5


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
