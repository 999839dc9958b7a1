"""A mail server that keeps what it is sent, and answers as a test tells it to."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default as modern

import pytest_asyncio
from aiosmtpd.smtp import SMTP, Envelope, Session


class Mails:
    """The customers' mailboxes, all in one."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.url = ""
        self._arrived = asyncio.Condition()
        self._seen = 0  # mails that came, taken or not
        self._replies: deque[str | Callable[[EmailMessage], str]] = deque()
        self._may_answer = asyncio.Event()
        self._may_answer.set()

    async def arrive(self, count: int, *, within_seconds: float) -> list[EmailMessage]:
        """Wait until at least that many mails have been received; the mails."""
        async with asyncio.timeout(within_seconds), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def come_in(self, count: int, *, within_seconds: float) -> None:
        """Wait until so many mails have been offered, whatever they are answered."""
        async with asyncio.timeout(within_seconds), self._arrived:
            await self._arrived.wait_for(lambda: self._seen >= count)

    def answer_next(self, *replies: str | Callable[[EmailMessage], str]) -> None:
        """Answer the next mails with these lines, or what is made of the mail; what is not answered with 2xx is not kept.

        After them, all is well again.
        """
        self._replies.extend(replies)

    def withhold_answers(self) -> None:
        """Keep what comes but leave the sender without an answer, until `answer_again`."""
        self._may_answer.clear()

    def answer_again(self) -> None:
        self._may_answer.set()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd names it
        scripted = self._replies.popleft() if self._replies else "250 kept"
        mail = _read(envelope)
        reply = scripted if isinstance(scripted, str) else scripted(mail)
        async with self._arrived:
            self._seen += 1
            if reply.startswith("2"):
                self.received.append(mail)
            self._arrived.notify_all()
        await self._may_answer.wait()
        return reply


def _read(envelope: Envelope) -> EmailMessage:
    assert isinstance(envelope.content, bytes)
    content = envelope.content.replace(b"\r\n", b"\n")  # the line ends of the wire are not the mail's
    return BytesParser(EmailMessage, policy=modern).parsebytes(content)


@pytest_asyncio.fixture
async def mails() -> AsyncIterator[Mails]:
    box = Mails()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0)
    box.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield box
    box.answer_again()
    server.close()
