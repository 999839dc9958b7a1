"""Relay and worker in the test's own process: what is owed to people reaches their mailboxes when the test says so."""

import asyncio
import re
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

import pytest_asyncio

from services.worker.child import close_child, open_child
from services.worker.tasks.email import send
from tests.support.database import Database
from tests.support.delivery import Deliver
from tests.support.mail import Mails
from tests.support.settings import Where, settings

PUBLIC_URL = "https://shop.example"
_LINK = re.compile(r"https?://\S+#token=\S+")


class Post:
    """The way from the outbox to the mailboxes."""

    def __init__(self, database: Database, deliver: Deliver, mails: Mails, worker: ThreadPoolExecutor) -> None:
        self._database = database
        self._deliver = deliver
        self.mails = mails
        self._worker = worker

    async def relays(self) -> None:
        """Let the relay do what there is to do, and no worker."""
        await self._deliver()

    async def goes_out(self) -> list[EmailMessage]:
        """Let relay and worker do what there is to do; the mails that came of it."""
        before = len(self.mails.received)
        await self.relays()
        published = await self._database.rows(
            "SELECT notification_id, attempts FROM notifications WHERE state = 'queued' ORDER BY event_id"
        )
        for notification_id, attempts in published:
            await asyncio.get_running_loop().run_in_executor(self._worker, send, str(notification_id), attempts)
        return self.mails.received[before:]


@pytest_asyncio.fixture
async def post(database: Database, deliver: Deliver, mails: Mails) -> AsyncIterator[Post]:
    chosen = settings(Where(database_url=database.url, smtp_url=mails.url), public_url=PUBLIC_URL)
    with ThreadPoolExecutor(1) as worker:  # one thread, as a child has one loop
        await asyncio.get_running_loop().run_in_executor(worker, open_child, chosen)
        yield Post(database, deliver, mails, worker)
        await asyncio.get_running_loop().run_in_executor(worker, close_child)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part
    return str(part.get_content())


def token_in(mail: EmailMessage) -> str:
    """The token of the mail's link, of which text and HTML have the same."""
    html = mail.get_body(("html",))
    assert html
    [link] = _LINK.findall(text_of(mail))
    assert f'href="{link}"' in html.get_content()
    return str(link.partition("#token=")[2])
