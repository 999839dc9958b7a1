"""Without these, an evening without a mail server is an evening of mails that nobody ever gets."""

from dataclasses import replace
from email.parser import BytesParser
from functools import partial

import pytest

from tests.support.api import Client, confirm_one, line
from tests.support.database import Database
from tests.support.delivery import Deliver, are_sent, end_leases
from tests.support.eventually import eventually
from tests.support.fault_proxy import fault_proxy
from tests.support.mail import Mails
from tests.support.options import Rounds
from tests.support.processes import Processes
from tests.support.scripted_smtp import BANNER, CERTIFICATE, CONTENT, Answer, Fault, scripted_smtp

_WITHIN_SECONDS = 20
_WEATHER: list[tuple[str, Answer, str]] = [
    (BANNER, Fault.DROP, "no session"),
    (BANNER, "421 too many of you", "421"),
    ("STARTTLS", "454 not now", "454"),
    ("STARTTLS", "220 but no handshake", "no session"),
    ("RCPT", "450 not now", "450"),
    (CONTENT, Fault.DROP, "closed"),
    (BANNER, Fault.HANG, "timed out"),  # last, because it takes its time
]
_ATTEMPTS = "SELECT attempts, state, last_error IS NOT NULL FROM notifications"


async def test_a_mail_that_the_server_did_not_take_is_offered_again_until_it_does(
    customer: Client, staff: Client, database: Database, *, deliver: Deliver, mails: Mails, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 2)  # the last one would be news to the staff
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


async def test_a_mail_waits_out_whatever_the_server_does(
    customer: Client,
    staff: Client,
    database: Database,
    *,
    deliver: Deliver,
    processes: Processes,
    rounds: Rounds,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weather = _WEATHER[: rounds(quick=len(_WEATHER) - 1, proof=len(_WEATHER))]
    await staff.stock("MUG", "AMS", len(weather) + 1)  # the last one would be news to the staff
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with scripted_smtp(features=["STARTTLS"]) as server:
        worker = processes.worker(where=replace(processes.where, smtp_url=f"smtp+starttls://localhost:{server.port}"))
        for n, (at, fault, reason) in enumerate(weather, 1):
            server.always = {at: fault}
            server.break_connections()
            await confirm_one(customer)
            await deliver()
            await eventually(partial(_waits_because, database, reason), within_seconds=_WITHIN_SECONDS)

            server.always = {}
            await end_leases(database)
            await deliver()

            await eventually(partial(are_sent, database, n), within_seconds=_WITHIN_SECONDS)
        ids = [BytesParser().parsebytes(mail)["Message-ID"] for mail in server.mails]
        assert len(ids) == len(weather) + 1  # one was taken, then the connection broke
        assert len(set(ids)) == len(weather)
        worker.kill()  # sooner over than asked to stop


async def _waits_because(database: Database, reason: str) -> bool:
    waiting = await database.rows("SELECT last_error FROM notifications WHERE state = 'queued' AND last_error IS NOT NULL")
    return [reason in error for (error,) in waiting] == [True]


async def _has_failed(database: Database, times: int) -> bool:
    return await database.rows(_ATTEMPTS) == [(times, "queued", True)]
