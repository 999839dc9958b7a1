"""A mailer in the test's own process, and mails to give it. It blocks, so it runs in a thread: its server lives on our loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage

import pytest

from services.runtime.smtp import Patience
from services.worker.mailer import Mailer, MailNotSent
from tests.support.scripted_smtp import ScriptedSmtp
from tests.support.settings import Where, settings

LONG = Patience(connect_seconds=20, answer_seconds=20, total_seconds=30)


def mail(number: int = 1, *, to: str = "ada@example.com") -> EmailMessage:
    written = EmailMessage()
    written["From"], written["To"], written["Subject"] = "Shop <shop@holdfast.example>", to, f"number {number}"
    written.set_content("https://shop.example/#token=secret\n.\n..\n")
    return written


@asynccontextmanager
async def mailer_of(
    server: ScriptedSmtp, url: str = "smtp://127.0.0.1", *, patience: Patience = LONG, **options: float
) -> AsyncIterator[Mailer]:
    """One that speaks to this server, at a URL that lacks its port."""
    where = Where(database_url="postgresql://nobody@127.0.0.1:1/nothing", smtp_url=f"{url}:{server.port}")
    mailer = Mailer(settings(where), patience=patience, **options)
    yield mailer
    await asyncio.to_thread(mailer.close)


async def send(mailer: Mailer, *mails: EmailMessage) -> None:
    for one in mails or [mail()]:
        await asyncio.to_thread(mailer.send, one)


async def refusal_by(mailer: Mailer, *mails: EmailMessage) -> MailNotSent:
    with pytest.raises(MailNotSent) as refusal:
        await send(mailer, *mails)
    return refusal.value
