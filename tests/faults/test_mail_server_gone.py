"""Without these, an evening without a mail server is an evening of mails that nobody ever gets."""

from dataclasses import replace
from functools import partial

from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.delivery import Deliver, are_sent, end_leases
from tests.support.eventually import eventually
from tests.support.fault_proxy import fault_proxy
from tests.support.mail import Mails
from tests.support.processes import Processes

_WITHIN_SECONDS = 20
_ATTEMPTS = "SELECT attempts, state, last_error IS NOT NULL FROM notifications"


async def test_a_mail_that_the_server_did_not_take_is_offered_again_until_it_does(
    customer: Client, staff: Client, database: Database, *, deliver: Deliver, mails: Mails, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 1)
    async with fault_proxy(mails.url) as to_server:
        to_server.refuse()
        worker = processes.worker(where=replace(processes.where, smtp_url=to_server.url))
        confirmed = await customer.confirm((await customer.place(line("MUG"))).json()["id"])
        await deliver()

        await eventually(partial(_has_failed, database, 1), within_seconds=_WITHIN_SECONDS)
        await to_server.listen()
        mails.answer_next("451 try again later")
        await end_leases(database)
        await deliver()
        await eventually(partial(_has_failed, database, 2), within_seconds=_WITHIN_SECONDS)
        [(reason,)] = await database.rows("SELECT last_error FROM notifications")
        await end_leases(database)
        await deliver()

        [mail] = await mails.arrive(1, within_seconds=_WITHIN_SECONDS)
        await eventually(partial(are_sent, database, 1), within_seconds=_WITHIN_SECONDS)
    assert confirmed.is_success
    assert "451" in reason
    assert mail["Subject"] == "Your reservation is confirmed"
    assert await database.rows(_ATTEMPTS) == [(3, "sent", False)]
    assert len(mails.received) == 1
    worker.kill()  # sooner over than asked to stop


async def _has_failed(database: Database, times: int) -> bool:
    return await database.rows(_ATTEMPTS) == [(times, "queued", True)]
