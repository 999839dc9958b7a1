"""A PostgreSQL of the tests' own, which may be restarted and hung. What it committed survives both."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]

from tests.support.eventually import eventually
from tests.support.leash import Leash
from tests.support.program import Program, free_port

FAST = signal.SIGINT  # sessions are ended, then it writes down what it has
IMMEDIATE = signal.SIGQUIT  # like a power cut: what was committed is found in the log when it starts again
_START_SECONDS_MAX = 30
_STOP_SECONDS_MAX = 10


class OwnPostgres:
    def __init__(self, folder: Path, leash: Leash) -> None:
        self._folder = folder
        self._leash = leash
        self._port = free_port()
        self._stopped: list[int] = []
        self._program = self._start()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def pid(self) -> int:
        return self._program.pid

    async def restart(self, how: signal.Signals) -> None:
        """Shut down in this way and start again on the same port; returns when it takes connections."""
        await self.stop(how)
        self._program = self._start()
        await self.until_ready()

    async def stop(self, how: signal.Signals) -> None:
        self._program.signal(how)
        await self._program.ended(within_seconds=_STOP_SECONDS_MAX)
        self._program.kill()

    def hang(self) -> None:
        """Stop every process of it where it is, until `go_on`. The kernel still takes connections and bytes in its name."""
        server = psutil.Process(self._program.pid)
        for process in (server, *server.children(recursive=True)):
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGSTOP)
                self._stopped.append(process.pid)
                self._leash.hold(process.pid)  # each leads a group of its own, and one that is stopped does not see the server die

    def go_on(self) -> None:
        for pid in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            if pid != self._program.pid:
                self._leash.let_go(pid)
        self._stopped.clear()

    async def until_ready(self) -> None:
        await eventually(self._is_ready, within_seconds=_START_SECONDS_MAX)

    async def _is_ready(self) -> bool:
        assert self._program.is_running, self._program.tail
        try:
            connection = await asyncpg.connect(self.url)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    def _start(self) -> Program:
        options = ("--data", str(self._folder / "postgres"), "--port", str(self._port))
        return Program(
            "deploy.local.postgres", *options, environment=dict(os.environ), log=self._folder / "postgres.log", leash=self._leash
        )


@contextmanager
def own_postgres(folder: Path, leash: Leash) -> Iterator[OwnPostgres]:
    postgres = OwnPostgres(folder, leash)
    asyncio.run(postgres.until_ready())
    try:
        yield postgres
    finally:
        postgres.go_on()
        asyncio.run(postgres.stop(IMMEDIATE))
