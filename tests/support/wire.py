"""A connection to the API on which one may say anything, also what is no HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

PATIENCE_SECONDS = 20  # of a test, on a machine that has other things to do


@dataclass(frozen=True, slots=True)
class Wire:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def trickle(self, data: bytes, *, every_seconds: float = 0.25) -> None:
        """One byte at a time, until all are sent or nobody takes them."""
        for number in range(len(data)):
            if self.reader.at_eof() or self.writer.is_closing():
                return
            self.writer.write(data[number : number + 1])
            await asyncio.sleep(every_seconds)  # this is what a slow client does

    async def hear(self) -> httpx.Response:
        """The next answer."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = httpx.Headers([(name, value.strip()) for name, _, value in (line.partition(":") for line in lines if line)])
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return httpx.Response(int(status.split()[1]), headers=headers, content=body)

    async def hear_all(self) -> list[httpx.Response]:
        """Every answer until the other side has no more to say."""
        answers = []
        try:
            while True:
                answers.append(await self.hear())
        except (asyncio.IncompleteReadError, ConnectionError):
            return answers

    async def ends(self) -> bool:
        """Whether the other side says nothing more, and that it will not."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.reader.read() == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()
