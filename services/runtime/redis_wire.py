"""One connection to Redis that many share: questions out, answers in, in the same order."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import hiredis
from redis.exceptions import NoScriptError, RedisError

Part: TypeAlias = str | bytes | int

PENDING_MAX = 10_000  # questions on their way; more than a process can have requests

_NOT_YET = object()


class RedisUnavailable(RedisError):
    """Redis did not answer in time, or is known not to."""


class Wire(asyncio.Protocol):
    """Every answer belongs to the oldest question that has none, so none may be skipped."""

    def __init__(self, timeout_seconds: float, on_lost: Callable[["Wire", str], None]) -> None:
        self.is_open = True
        self._timeout_seconds = timeout_seconds
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(protocolError=RedisError, replyError=_reply_error, notEnoughData=_NOT_YET)
        self._pending: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._unsent: list[bytes] = []
        self._is_watched = False
        self._transport: asyncio.Transport

    def ask(self, command: Sequence[Part]) -> asyncio.Future[Any]:
        """The answer to come. It is consumed in its turn even if nobody waits for it any more."""
        if len(self._pending) >= PENDING_MAX or not self.is_open:
            raise RedisUnavailable("too many questions wait for an answer of Redis")
        if not self._unsent:
            self._loop.call_soon(self._flush)  # with whatever else is asked in this turn of the loop
        self._unsent.append(hiredis.pack_command(tuple(command)))  # type: ignore[arg-type]  # its stub names a tuple of one
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._pending.append((answer, self._loop.time()))
        if not self._is_watched:
            self._watch_later(self._timeout_seconds)
        return answer

    def abort(self, reason: str) -> None:
        """Hang up; whoever still waits is refused."""
        if not self.is_open:
            return
        self.is_open = False
        self._transport.abort()
        for answer, _ in self._pending:
            if not answer.done():
                answer.set_exception(RedisUnavailable(f"Redis is lost: {reason}"))
                answer.exception()  # nobody may be left to hear it
        self._pending.clear()
        self._on_lost(self, reason)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class

    def connection_lost(self, error: Exception | None) -> None:
        self.abort(str(error) if error else "it hung up")

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not _NOT_YET:
            answer, _ = self._pending.popleft()
            if answer.done():  # refused as late, or its request is gone
                continue
            if isinstance(reply, RedisError):
                answer.set_exception(reply)
            else:
                answer.set_result(reply)

    def _flush(self) -> None:
        if self.is_open:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _watch_later(self, seconds: float) -> None:
        """One timer for all that wait: a timer for each would cost as much as its question."""
        self._is_watched = True
        self._loop.call_later(seconds, self._watch)

    def _watch(self) -> None:
        """Refuse what waits for too long. A loop that was busy reads what has arrived before it looks at its timers."""
        now = self._loop.time()
        for answer, asked_at in self._pending:
            if asked_at + self._timeout_seconds > now:
                break
            if not answer.done():
                answer.set_exception(TimeoutError())
        oldest = next((asked_at for answer, asked_at in self._pending if not answer.done()), None)
        self._is_watched = oldest is not None
        if oldest is not None:
            self._watch_later(oldest + self._timeout_seconds - now)


def _reply_error(message: str) -> RedisError:
    return NoScriptError(message) if message.startswith("NOSCRIPT") else RedisError(message)
