"""A Valkey of the tests' own, which may be hung, killed and flushed. What it was told survives a restart, as in the local stack."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.support.eventually import eventually
from tests.support.leash import Leash
from tests.support.program import Program, free_port

_START_SECONDS_MAX = 30


class OwnValkey:
    def __init__(self, folder: Path, leash: Leash, *, is_cache: bool = False) -> None:
        self._folder = folder
        self._leash = leash
        self._port = free_port()
        self._role = ("--cache",) if is_cache else ()
        self._program: Program | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return self._program.pid if self._program else None

    def hang(self) -> None:
        """Stop it where it is, until `go_on`. The kernel still takes connections and bytes in its name."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._program:
            self._program.kill()
        self._program = None

    async def start(self) -> None:
        """On the same port as before; returns when it answers."""
        options = ("--data", str(self._folder / "valkey"), "--port", str(self._port), *self._role)
        log = self._folder / "valkey.log"
        self._program = Program("deploy.local.valkey", *options, environment=dict(os.environ), log=log, leash=self._leash)
        await eventually(self._answers, within_seconds=_START_SECONDS_MAX)

    async def restart(self) -> None:
        self.kill()
        await self.start()

    async def forget_everything(self) -> None:
        """Every key and every script."""
        async with Redis.from_url(self.url) as client:
            await client.flushall()
            await client.script_flush()

    def _signal(self, number: signal.Signals) -> None:
        if self._program:
            self._program.signal(number)

    async def _answers(self) -> bool:
        assert self._program is not None
        assert self._program.is_running, self._program.tail
        try:
            async with Redis.from_url(self.url) as client:
                await client.ping()
        except (OSError, RedisError):
            return False
        return True


@contextmanager
def own_valkey_in(folder: Path, leash: Leash) -> Iterator[OwnValkey]:
    valkey = OwnValkey(folder, leash)
    asyncio.run(valkey.start())
    try:
        yield valkey
    finally:
        valkey.kill()


@pytest_asyncio.fixture
async def own_valkey(tmp_path: Path, leash: Leash) -> AsyncIterator[OwnValkey]:
    valkey = OwnValkey(tmp_path, leash)
    await valkey.start()
    yield valkey
    valkey.kill()
