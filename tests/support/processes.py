"""The real API, worker and relay of a test, as a supervisor would run them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
import pytest_asyncio

from tests.support.database import Database
from tests.support.leash import Leash
from tests.support.mail import Mails
from tests.support.program import Program, free_port
from tests.support.settings import Where, environment

_READY_SECONDS_MAX = 30
_POLL_SECONDS = 0.05


class Api:
    """A running API."""

    def __init__(self, program: Program, port: int) -> None:
        self.program = program
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    @property
    def workers(self) -> list[psutil.Process]:
        """Its children that serve, each with a thread that tells uvicorn so."""
        serving = []
        for child in psutil.Process(self.program.pid).children():
            with suppress(psutil.NoSuchProcess):  # killed, and uvicorn has not missed it yet
                if child.num_threads() > 1:
                    serving.append(child)
        return serving

    @property
    def memory_bytes(self) -> int:
        return sum(worker.memory_info().rss for worker in self.workers)

    async def until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS_MAX
        async with httpx.AsyncClient(base_url=self.url) as client:
            while not await _answers(client):
                if not self.program.is_running or time.monotonic() > deadline:
                    raise AssertionError(f"the API is not ready\n{self.program.tail}")
                await asyncio.sleep(_POLL_SECONDS)


class Processes:
    """Starts processes for one test's database; they end with the test."""

    def __init__(self, where: Where, folder: Path, leash: Leash) -> None:
        self.where = where
        self._folder = folder
        self._leash = leash
        self._started: list[Program] = []

    async def api(
        self, *, workers: int = 2, port: int | None = None, where: Where | None = None, module: str = "services.api", **settings: str
    ) -> Api:
        """An API that is ready; on an earlier one's port if that is given, before other servers if `where` is."""
        port = port or free_port()
        program = self._start(module, where=where, port=str(port), api_workers=str(workers), **settings)
        api = Api(program, port)
        await api.until_ready()
        return api

    def worker(self, *, where: Where | None = None, **settings: str) -> Program:
        return self._start("services.worker.main", "--concurrency=2", where=where, **settings)

    def relay(self, *, where: Where | None = None, **settings: str) -> Program:
        return self._start("services.worker.relay", where=where, **settings)

    def _start(self, *module: str, where: Where | None, **settings: str) -> Program:
        log = self._folder / f"{len(self._started)}-{module[0]}.log"
        program = Program(*module, environment=environment(where or self.where, **settings), log=log, leash=self._leash)
        self._started.append(program)
        return program

    async def end(self) -> None:
        for program in self._started:
            program.terminate()
        for program in self._started:
            await program.stop()
            print(program.tail)  # noqa: T201  # pytest shows it below a test that failed


@pytest.fixture
def everywhere(database: Database, broker_url: str, cache_url: str, mails: Mails) -> Where:
    """The real servers of one test."""
    return Where(database_url=database.url, broker_url=broker_url, cache_url=cache_url, smtp_url=mails.url)


@pytest_asyncio.fixture
async def processes(everywhere: Where, mails: Mails, tmp_path: Path, leash: Leash) -> AsyncIterator[Processes]:
    running = Processes(everywhere, tmp_path, leash)
    yield running
    mails.answer_again()  # a worker finishes its mail before it ends
    await running.end()


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
