"""The real PostgreSQL and Valkey that the tests run against, whoever provides them.

A URL in the environment wins, then Docker when it was asked for, then the servers that came with the environment. There is always
one, or the run fails: a test that was skipped in silence proves nothing.
"""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.worker.app import create_celery
from tests.support import containers
from tests.support.leash import Leash
from tests.support.program import Program, free_port
from tests.support.settings import Where, settings

_START_SECONDS_MAX = 30  # initdb on a busy machine; two seconds on an idle one
_POLL_SECONDS = 0.05
_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder that only we may enter is made in it
_MEMORY_BYTES_MIN = 3 << 30  # write-ahead log, and databases of a test run; a container is given 64 MB unless somebody asked for more


@dataclass(frozen=True, slots=True)
class Servers:
    postgres_url: str  # of a role that may create databases
    redis_url: str


@pytest.fixture(scope="session")
def leash() -> Iterator[Leash]:
    holder = Leash()
    yield holder
    holder.close()


@pytest.fixture(scope="session")
def servers(leash: Leash) -> Iterator[Servers]:
    folder = _new_folder()
    leash.remove_in_the_end(folder)
    with ExitStack() as stack:
        yield Servers(
            postgres_url=stack.enter_context(_postgres(folder, leash)),
            redis_url=stack.enter_context(_redis(folder, leash)),
        )


@pytest_asyncio.fixture
async def broker_url(servers: Servers) -> str:
    """A broker without messages of earlier tests. It is Valkey, unless HOLDFAST_TEST_BROKER_URL names a RabbitMQ."""
    if url := os.environ.get("HOLDFAST_TEST_BROKER_URL"):
        await asyncio.to_thread(_forget_messages, url)
        return url
    async with Redis.from_url(servers.redis_url) as client:
        await client.flushdb()
    return servers.redis_url


@pytest_asyncio.fixture
async def cache_url(servers: Servers) -> str:
    """A cache without copies of earlier tests, and with empty buckets."""
    url = cache_url_of(servers)
    async with Redis.from_url(url) as client:
        await client.flushdb()
    return url


def cache_url_of(servers: Servers) -> str:
    """A database of its own beside the broker's."""
    return urlsplit(servers.redis_url)._replace(path="/1").geturl()


def _postgres(folder: Path, leash: Leash) -> AbstractContextManager[str]:
    if url := os.environ.get("HOLDFAST_TEST_DATABASE_URL"):
        return nullcontext(url)
    return containers.postgres() if containers.are_wanted() else embedded_postgres(folder, leash, is_durable=False)


def _redis(folder: Path, leash: Leash) -> AbstractContextManager[str]:
    if url := os.environ.get("HOLDFAST_TEST_REDIS_URL"):
        return nullcontext(url)
    return containers.redis() if containers.are_wanted() else embedded_valkey(folder, leash)


def _new_folder() -> Path:
    """In memory if there is enough: a copied database costs 150 ms on an ordinary disk and 9 ms there (tests.support.database)."""
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_BYTES_MIN
    return Path(tempfile.mkdtemp(prefix="holdfast-test-", dir=_MEMORY if has_room else None))


@contextmanager
def embedded_postgres(folder: Path, leash: Leash, *, is_durable: bool) -> Iterator[str]:
    """A server of its own. What it says it wrote survives a power cut only when it is durable, and takes longer then."""
    port = free_port()
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    options = ("--data", str(folder / "postgres"), "--port", str(port), *(() if is_durable else ("--no-fsync",)))
    # Its immediate shutdown: it keeps nothing but leaves no shared memory behind.
    with _running("deploy.local.postgres", *options, log=folder / "postgres.log", leash=leash, stop=signal.SIGQUIT) as program:
        asyncio.run(_until_ready(program, lambda: _greet_postgres(url)))
        yield url


@contextmanager
def embedded_valkey(folder: Path, leash: Leash) -> Iterator[str]:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    options = ("--data", str(folder / "valkey"), "--port", str(port))
    with _running("deploy.local.valkey", *options, log=folder / "valkey.log", leash=leash, stop=signal.SIGTERM) as program:
        asyncio.run(_until_ready(program, lambda: _greet_redis(url)))
        yield url


@contextmanager
def _running(*module: str, log: Path, leash: Leash, stop: signal.Signals) -> Iterator[Program]:
    program = Program(*module, environment=dict(os.environ), log=log, leash=leash)
    try:
        yield program
    finally:
        program.signal(stop)
        asyncio.run(program.ended(within_seconds=10))
        program.kill()


async def _until_ready(program: Program, greet: Callable[[], Awaitable[None]]) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        try:
            return await greet()
        except (OSError, asyncpg.PostgresError, RedisError) as error:
            if not program.is_running or time.monotonic() > deadline:
                raise AssertionError(f"did not start\n{program.tail}") from error
        await asyncio.sleep(_POLL_SECONDS)


def _forget_messages(url: str) -> None:
    where = Where(database_url="postgresql://nobody@127.0.0.1:1/nothing", broker_url=url)
    with create_celery(settings(where)) as celery, celery.connection_for_write() as connection:
        connection.default_channel.queue_delete("celery")


async def _greet_postgres(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.close()


async def _greet_redis(url: str) -> None:
    async with Redis.from_url(url) as client:
        await client.ping()
