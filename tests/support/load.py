"""A load that does not wait: requests are sent when the clock says so, however long the answers to the earlier ones take."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

import httpx

from tests.support.eventually import eventually


@dataclass(frozen=True, slots=True)
class Heard:
    """One request and what became of it."""

    key: str
    started: float  # when it was due, by time.monotonic: being late is the system's fault, not the client's
    ended: float
    answer: httpx.Response | None  # None: the connection was refused, broken or silent

    @property
    def status(self) -> int | None:
        return self.answer.status_code if self.answer else None

    @property
    def code(self) -> str | None:
        """Of the problem, if it is one."""
        return self.answer.json().get("code") if self.answer and self.answer.is_error else None

    @property
    def is_success(self) -> bool:
        return self.answer is not None and self.answer.is_success

    @property
    def seconds(self) -> float:
        return self.ended - self.started


Ask = Callable[[str], Awaitable[httpx.Response]]


class Load:
    """What was heard so far, in the order of the answers."""

    def __init__(self, ask: Ask, *, per_second: float) -> None:
        self.heard: list[Heard] = []
        self._ask = ask
        self._interval_seconds = 1 / per_second

    def started_since(self, moment: float) -> list[Heard]:
        return [one for one in self.heard if one.started >= moment]

    async def succeeds(self, *, times: int, within_seconds: float) -> None:
        """Wait until so many requests in a row, sent from now on, succeeded and none of those sent between them failed."""
        since = monotonic()

        async def does_succeed() -> bool:
            nonlocal since
            answers = self.started_since(since)
            if not all(one.is_success for one in answers):
                since = monotonic()
                return False
            return len(answers) >= times

        await eventually(does_succeed, within_seconds=within_seconds)

    async def run(self) -> None:
        """Send until cancelled, then wait for the answers that are on their way."""
        due = monotonic()
        async with asyncio.TaskGroup() as asking:
            try:
                while True:
                    asking.create_task(self._send(due))
                    due += self._interval_seconds
                    await asyncio.sleep(due - monotonic())
            except asyncio.CancelledError:
                return

    async def _send(self, due: float) -> None:
        key = uuid.uuid4().hex
        try:
            answer = await self._ask(key)
        except httpx.TransportError:
            answer = None
        self.heard.append(Heard(key, due, monotonic(), answer))


@asynccontextmanager
async def load(ask: Ask, *, per_second: float) -> AsyncIterator[Load]:
    """Send so many requests a second, each with a key of its own, for as long as the context lasts."""
    running = Load(ask, per_second=per_second)
    sending = asyncio.create_task(running.run())
    try:
        yield running
    finally:
        sending.cancel()
        await asyncio.wait([sending])
    if not sending.cancelled():  # before it began
        sending.result()
