"""What a request costs: processor time by kind of process, round trips, bytes, connections."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import asyncpg
import psutil  # type: ignore[import-untyped]
from redis.asyncio import Redis

from tests.load.lab.results import Cost
from tests.load.lab.tallies import Tally
from tests.support.scrape import scrape

_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked, and where its figures are."""

    port: int
    pids: Mapping[str, Sequence[int]]  # of main processes by kind; those in containers are seen only where the engine is Linux's own
    metrics: Mapping[int, int]  # how many API workers show theirs from which port on
    connections: Callable[[], Awaitable[Mapping[str, int]]]  # that its servers have, by server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment."""

    cpu_seconds: Mapping[str, float]
    database_trips: float
    redis_trips: float


async def read(target: Target) -> Reading:
    """The round trips are the APIs' own figures. To ask costs each some ten milliseconds, so not in the middle of a measurement."""
    cpu = {kind: sum(map(cpu_seconds, pids)) for kind, pids in target.pids.items()}
    figures = [await scrape(port, api=workers) for port, workers in target.metrics.items()]
    return Reading(
        cpu,
        database_trips=sum(one.of("inventory_database_round_trips_total") for one in figures),
        redis_trips=sum(one.of("inventory_redis_round_trips_total") for one in figures),
    )


async def cost(target: Target, before: Reading, after: Reading, tally: Tally) -> Cost:
    """Of one request on average; whatever else ran meanwhile, the requests pay for it."""
    count = max(len(tally), 1)
    cpu = {kind: (spent - before.cpu_seconds.get(kind, 0.0)) / count * 1e6 for kind, spent in after.cpu_seconds.items()}
    return Cost(
        cpu_us=cpu | {"generator": tally.cpu_seconds / count * 1e6},
        database_trips=(after.database_trips - before.database_trips) / count,
        redis_trips=(after.redis_trips - before.redis_trips) / count,
        bytes=tally.bytes_received / count,
        connections={**await target.connections(), "clients": tally.connects},
    )


def cpu_seconds(pid: int) -> float:
    """Of a process, its children, and those of its children that have ended."""
    spent = 0.0
    for process in family(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


def family(pid: int) -> Sequence[psutil.Process]:
    """The process and all that come from it; none if it is gone."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


async def sessions(database_url: str) -> int:
    """Connections of PostgreSQL, without the one that asks."""
    connection = await asyncpg.connect(database_url)
    count: int = await connection.fetchval(_SESSIONS)
    await connection.close()
    return count


async def clients(cache_url: str) -> int:
    """Connections of Valkey, without the one that asks."""
    async with Redis.from_url(cache_url) as client:
        count: int = (await client.info("clients"))["connected_clients"]
        return count - 1
