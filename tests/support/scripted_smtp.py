"""A mail server that misbehaves word by word: it may refuse, hang, dawdle or be gone at any point of the conversation."""

import asyncio
import ssl
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from pathlib import Path

CERTIFICATE = Path(__file__).parent / "certificates" / "localhost.pem"  # of 127.0.0.1 and localhost; trusted by nobody who is not told to
BANNER = "banner"
CONTENT = "."  # the word that ends a mail
_DAWDLE_SECONDS = 0.05
_USUAL = {BANNER: "220 ready", "STARTTLS": "220 go on", "AUTH": "235 welcome", "DATA": "354 go on", "QUIT": "221 bye"}
_LAST_WORDS = ("221", "421")


class Fault(Enum):
    HANG = auto()
    DAWDLE = auto()  # a byte now and then, and never a whole line
    FLOOD = auto()  # lines without end
    DROP = auto()


Answer = str | Fault


class ScriptedSmtp:
    """Answers as an ordinary server does, except where `once` or `always` says otherwise. `scripted_smtp` starts one."""

    def __init__(self, *, features: Iterable[str], is_tls: bool) -> None:
        self.once: dict[str, deque[Answer]] = defaultdict(deque)  # the next answers to a word
        self.always: dict[str, Answer] = {}
        self.take_seconds = 0.0  # to read a mail before it is taken
        self.mails: list[bytes] = []  # all that came whole, whatever the answer was
        self.heard: Counter[str] = Counter()
        self.connections = 0
        self.port = 0
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(CERTIFICATE)
        self._features = ["at your service", *features]
        self._is_tls = is_tls
        self._server: asyncio.Server | None = None
        self._talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def listen(self) -> None:
        """Take connections; again on the same port after `refuse`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls if self._is_tls else None)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        if self._server:
            self._server.close()

    def break_connections(self) -> None:
        for writer in self._talks.values():
            writer.transport.abort()

    async def end(self) -> None:
        self.refuse()
        self.break_connections()  # which every talk notices
        await asyncio.gather(*self._talks, return_exceptions=True)

    def answer_to(self, word: str) -> Answer:
        if self.once[word]:
            return self.once[word].popleft()
        ordinary = _lines(250, self._features) if word == "EHLO" else _USUAL.get(word, "250 ok")
        return self.always.get(word, ordinary)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._talks[task] = writer
        with suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            await _Talk(self, reader, writer).run()
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


class _Talk:
    def __init__(self, server: ScriptedSmtp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer

    async def run(self) -> None:
        goes_on = await self._answer(BANNER)
        while goes_on and (line := await self._reader.readline()):
            word = line.decode().split()[0].upper()
            self._server.heard[word] += 1
            goes_on = await self._answer(word)

    async def _answer(self, word: str) -> bool:
        """Whether there is more to say."""
        answer = self._server.answer_to(word)
        if isinstance(answer, Fault):
            await self._misbehave(answer)
            return False
        self._writer.write(f"{answer}\r\n".encode())
        await self._writer.drain()
        if answer == _USUAL["STARTTLS"]:
            await self._writer.start_tls(self._server.tls)
        if answer == _USUAL["DATA"]:
            self._server.mails.append(await self._reader.readuntil(b"\r\n.\r\n"))
            await asyncio.sleep(self._server.take_seconds)
            return await self._answer(CONTENT)
        return not answer.startswith(_LAST_WORDS)

    async def _misbehave(self, fault: Fault) -> None:
        match fault:
            case Fault.HANG:
                await self._reader.read()
            case Fault.DAWDLE:
                while True:
                    await self._write(b"2")
                    await asyncio.sleep(_DAWDLE_SECONDS)
            case Fault.FLOOD:
                while True:
                    await self._write(b"250-and so on\r\n" * 1_000)

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


def _lines(code: int, texts: list[str]) -> str:
    *first, last = texts
    return "\r\n".join([*(f"{code}-{text}" for text in first), f"{code} {last}"])


@asynccontextmanager
async def scripted_smtp(*, features: Iterable[str] = (), is_tls: bool = False) -> AsyncIterator[ScriptedSmtp]:
    server = ScriptedSmtp(features=features, is_tls=is_tls)
    await server.listen()
    try:
        yield server
    finally:
        await server.end()
