"""A broker of one test's own, which may be killed, and comes back with nothing."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.support.eventually import eventually
from tests.support.leash import Leash
from tests.support.program import Program, free_port

_START_SECONDS_MAX = 30


class OwnBroker:
    def __init__(self, folder: Path, leash: Leash) -> None:
        self._folder = folder / "own-broker"
        self._leash = leash
        self._port = free_port()
        self._program = self._start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    async def restart_empty(self) -> None:
        """kill -9, and start again on the same port without its files; returns when it answers."""
        self._program.kill()
        await asyncio.to_thread(shutil.rmtree, self._folder)
        self._program = self._start()
        await self.until_ready()

    async def until_ready(self) -> None:
        await eventually(self._is_ready, within_seconds=_START_SECONDS_MAX)

    def end(self) -> None:
        self._program.kill()

    async def _is_ready(self) -> bool:
        assert self._program.is_running, self._program.tail
        async with Redis.from_url(self.url) as client:
            try:
                return bool(await client.ping())
            except (OSError, RedisError):
                return False

    def _start(self) -> Program:
        options = ("--data", str(self._folder), "--port", str(self._port))
        log = self._folder.with_suffix(".log")
        return Program("deploy.local.valkey", *options, environment=dict(os.environ), log=log, leash=self._leash)


@asynccontextmanager
async def own_broker(folder: Path, leash: Leash) -> AsyncIterator[OwnBroker]:
    broker = OwnBroker(folder, leash)
    try:
        await broker.until_ready()
        yield broker
    finally:
        broker.end()
