"""Without these, what a mail server does decides whether a customer gets a mail twice, once or never."""

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import pytest
import pytest_asyncio

from services.runtime.smtp import Patience
from services.worker.mailer import FAILURES_MAX, MAILS_PER_SESSION_MAX, Mailer, MailNotSent, MailRefused, MailServerUnavailable
from tests.support.eventually import eventually
from tests.support.mailers import LONG, mail, mailer_of, refusal_by, send
from tests.support.scripted_smtp import BANNER, CONTENT, Fault, ScriptedSmtp, scripted_smtp

_SHORT = Patience(connect_seconds=5, answer_seconds=0.2, total_seconds=0.4)
_MUCHLONGER_SECONDS = 8


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ScriptedSmtp]:
    async with scripted_smtp() as running:
        yield running


async def test_mails_share_a_connection_until_it_has_carried_as_many_as_one_should(server: ScriptedSmtp) -> None:
    async with mailer_of(server) as mailer:
        await send(mailer, *map(mail, range(MAILS_PER_SESSION_MAX + 1)))

        assert (len(server.mails), server.connections) == (MAILS_PER_SESSION_MAX + 1, 2)
    assert server.heard["QUIT"] == 2


async def test_a_connection_that_was_idle_for_too_long_is_not_used_again(server: ScriptedSmtp) -> None:
    async with mailer_of(server, idle_seconds_max=0) as mailer:
        await send(mailer, mail(1), mail(2))

    assert (len(server.mails), server.connections) == (2, 2)


@pytest.mark.parametrize("end", [Fault.DROP, Fault.HANG, "421 idle for too long"])
async def test_a_connection_that_ended_between_two_mails_costs_neither(server: ScriptedSmtp, end: str | Fault) -> None:
    patience = Patience(answer_seconds=1) if end is Fault.HANG else LONG
    async with mailer_of(server, patience=patience) as mailer:
        await send(mailer, mail(1))
        server.once["MAIL"].append(end)

        await send(mailer, mail(2))

    assert (len(server.mails), server.connections) == (2, 2)
    assert not mailer.circuit.opened


@pytest.mark.parametrize("at", ["RCPT", "DATA", CONTENT])
async def test_a_mail_that_the_server_may_have_heard_is_not_offered_twice_in_one_attempt(server: ScriptedSmtp, at: str) -> None:
    async with mailer_of(server) as mailer:
        await send(mailer, mail(1))
        server.once[at].append(Fault.DROP)

        refusal = await refusal_by(mailer, mail(2))

        assert isinstance(refusal, MailServerUnavailable)
        assert (server.heard["MAIL"], server.connections) == (2, 1)
        await send(mailer, mail(3))
    assert server.connections == 2


_OUTAGE, _LATER, _DEAD = (MailServerUnavailable, True), (MailServerUnavailable, False), (MailRefused, False)


@pytest.mark.parametrize(
    ("at", "answer", "fault"),
    [
        (BANNER, "554 no mails from you", _OUTAGE),
        (BANNER, "421 too many of you", _OUTAGE),
        (BANNER, Fault.DROP, _OUTAGE),
        (BANNER, "what?", _OUTAGE),
        ("EHLO", "550 who?", _OUTAGE),
        ("MAIL", "550 not your address", _OUTAGE),  # every mail has this sender
        ("MAIL", "530 sign in first", _OUTAGE),
        ("MAIL", "421 going down", _OUTAGE),
        ("MAIL", "451 not now", _LATER),
        ("MAIL", "552 too large", _DEAD),
        ("RCPT", "550 nobody of this name", _DEAD),
        ("RCPT", "554 5.7.1 not to them", _DEAD),
        ("RCPT", "450 not now", _LATER),
        ("RCPT", "421 going down", _OUTAGE),
        ("RCPT", "530 sign in first", _OUTAGE),
        ("DATA", "451 not now", _LATER),
        ("DATA", "554 no", _DEAD),
        (CONTENT, "550 this is spam", _DEAD),
        (CONTENT, "452 no room", _LATER),
        (CONTENT, "421 going down", _OUTAGE),
        (CONTENT, Fault.DROP, _OUTAGE),
    ],
)
async def test_whose_fault_it_is(server: ScriptedSmtp, *, at: str, answer: str | Fault, fault: tuple[type[MailNotSent], bool]) -> None:
    server.always[at] = answer
    if at == "EHLO":
        server.always["HELO"] = answer
    kind, is_about_server = fault
    async with mailer_of(server) as mailer:
        refusals = [await refusal_by(mailer) for _ in range(FAILURES_MAX)]

        assert {type(refusal) for refusal in refusals} == {kind}
        assert mailer.circuit.opened == is_about_server
    if isinstance(answer, str) and answer[0].isdigit():
        assert all(answer in str(refusal) for refusal in refusals)


async def test_a_server_that_cannot_read_an_address_will_never_take_themail(server: ScriptedSmtp) -> None:
    async with mailer_of(server) as mailer:
        assert isinstance(await refusal_by(mailer, mail(to="ädä@example.com")), MailRefused)


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.DAWDLE, Fault.FLOOD])
@pytest.mark.parametrize("at", [BANNER, "EHLO", "MAIL", "DATA", CONTENT])
async def test_no_server_holds_us_for_longer_than_we_are_patient(server: ScriptedSmtp, at: str, fault: Fault) -> None:
    server.always[at] = fault
    async with mailer_of(server, patience=_SHORT) as mailer:
        began = time.monotonic()

        refusal = await refusal_by(mailer)

        assert time.monotonic() - began < _MUCHLONGER_SECONDS
    assert isinstance(refusal, MailServerUnavailable)


async def test_an_answer_without_an_end_is_not_read_to_its_end(server: ScriptedSmtp) -> None:
    server.always[BANNER] = Fault.FLOOD
    async with mailer_of(server) as mailer:
        assert "an answer without an end" in str(await refusal_by(mailer))


async def test_a_server_that_reads_a_mail_before_it_takes_it_has_the_time_for_that(server: ScriptedSmtp) -> None:
    server.take_seconds = 1.2  # more than any other answer may take
    async with mailer_of(server, patience=Patience(answer_seconds=1)) as mailer:
        await send(mailer)

    assert len(server.mails) == 1


async def test_a_server_that_is_gone_is_left_alone_after_a_few_failures(server: ScriptedSmtp) -> None:
    server.refuse()
    async with mailer_of(server) as mailer:
        for _ in range(FAILURES_MAX):
            assert "not tried" not in str(await refusal_by(mailer))
        await server.listen()

        assert "not tried" in str(await refusal_by(mailer))
    assert server.connections == 0
    assert mailer.circuit.refused == 1


async def test_the_server_is_asked_again_after_a_pause(server: ScriptedSmtp) -> None:
    server.refuse()
    async with mailer_of(server, pause_seconds=0.01) as mailer:
        for _ in range(FAILURES_MAX):
            await refusal_by(mailer)
        await server.listen()

        await eventually(partial(_is_sent, mailer), within_seconds=20)

        assert not mailer.circuit.is_open


async def _is_sent(mailer: Mailer) -> bool:
    with suppress(MailServerUnavailable):
        await send(mailer)
        return True
    return False
