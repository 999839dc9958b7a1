"""Redis over one connection that everybody in the process shares, and that nobody waits for.

A hot request asks Redis once. A client that lends out connections costs 100 µs a question; here many questions travel in
one write and are answered in the order in which they were asked, at some 6 µs each. What Redis does not answer in time is
refused, and when it answers nothing any more, questions are refused at once until it does again: whoever asks must have
another way. Nothing here is retried, but for a script that Redis does not know yet.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import sha1
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio.connection import parse_url
from redis.exceptions import NoScriptError, RedisError

from services.runtime.logs import log
from services.runtime.redis_wire import Part, RedisUnavailable, Wire
from services.runtime.trips import current_trips

CONNECT_SECONDS = 1.0
FAILURES_MAX = 5  # answers in a row that came too late: a slow moment has fewer, a server that hangs has all of them
HEAL_SECONDS = 0.4  # between two tries to reach it again: within two seconds of its return everybody asks it again
_PORT_DEFAULT = 6_379


class Script:
    """A Lua script, which Redis knows by its hash once it has seen it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()


class Redis:
    """What a process asks. Counts what went wrong in plain numbers, for the metrics."""

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        self.round_trips = 0
        self.times_lost = 0
        self.late_answers = 0
        self._address = parse_url(url)
        self._is_encrypted = urlsplit(url).scheme == "rediss"
        self._timeout_seconds = timeout_seconds
        self._wire: Wire | None = None
        self._failures = 0
        self._is_lost = asyncio.Event()
        self._is_lost.set()

    @property
    def is_up(self) -> bool:
        return self._wire is not None

    async def ask(self, *command: Part) -> Any:
        """What Redis answers to one command. Raises RedisUnavailable within the time limit, and what Redis itself refuses with."""
        wire = self._wire
        if wire is None:
            raise RedisUnavailable("Redis cannot be reached")
        self.round_trips += 1
        current_trips().redis += 1
        try:
            reply = await wire.ask(command)
        except TimeoutError as error:
            self._count_late_answer(wire)
            raise RedisUnavailable("Redis did not answer in time") from error
        self._failures = 0
        return reply

    async def run(self, script: Script, keys: Sequence[Part], *arguments: Part) -> Any:
        """What the script returns, in one round trip; in two if Redis was restarted or its scripts were flushed."""
        try:
            return await self.ask("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self.ask("EVAL", script.text, len(keys), *keys, *arguments)

    def _count_late_answer(self, wire: Wire) -> None:
        self.late_answers += 1
        self._failures += 1
        if self._failures >= FAILURES_MAX and self._wire is wire:
            wire.abort("it answers too late")

    async def keep(self) -> None:
        """Connect, and again whenever the connection is lost, until cancelled."""
        while True:
            await self._is_lost.wait()
            try:
                await self._connect()
            except (OSError, RedisError, TimeoutError) as error:
                log.debug("redis.unreachable", error=str(error))
                await asyncio.sleep(HEAL_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, not a secret

    async def _connect(self) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            wire = await self._open()
        try:
            for command in self._greetings():
                await wire.ask(command)
        except BaseException:
            wire.abort("it does not answer")
            raise
        if not wire.is_open:
            raise RedisUnavailable("Redis hung up")
        self._failures = 0
        self._is_lost.clear()
        self._wire = wire
        log.info("redis.connected")

    async def _open(self) -> Wire:
        loop, known = asyncio.get_running_loop(), self._address

        def make() -> Wire:
            return Wire(self._timeout_seconds, self._on_lost)

        if "path" in known:
            return (await loop.create_unix_connection(make, known["path"]))[1]
        context = ssl.create_default_context() if self._is_encrypted else None
        host, port = known.get("host", "localhost"), known.get("port", _PORT_DEFAULT)
        return (await loop.create_connection(make, host, port, ssl=context))[1]

    def _greetings(self) -> list[tuple[Part, ...]]:
        known = self._address
        names = [known[name] for name in ("username", "password") if known.get(name)]
        return [
            *([("AUTH", *names)] if names else []),
            *([("SELECT", known["db"])] if known.get("db") else []),
            ("CLIENT", "SETNAME", "holdfast"),
        ]

    def _on_lost(self, wire: Wire, reason: str) -> None:
        if self._wire is wire:
            self._wire = None
            self.times_lost += 1
            self._is_lost.set()
            log.warning("redis.lost", reason=reason)

    def close(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort("we are done")


@asynccontextmanager
async def open_redis(url: str, *, timeout_seconds: float) -> AsyncIterator[Redis]:
    """A connection that is kept for as long as the context; whether there is a server or not."""
    redis = Redis(url, timeout_seconds=timeout_seconds)
    with suppress(OSError, RedisError, TimeoutError):
        await redis._connect()  # noqa: SLF001  # so that the first request finds it; whoever keeps it tries on
    keeping = asyncio.create_task(redis.keep())
    try:
        yield redis
    finally:
        keeping.cancel()
        redis.close()
