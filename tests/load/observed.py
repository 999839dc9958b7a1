"""What watching costs: cached products a second with metrics, log and error tracking on, beside the same API without.

    python -m tests.load.observed [--workers 1] [--rounds 10] [--seconds 4]

Needs wrk (Debian's package). In each round both are started anew, because two processes of the same code may differ by half of what
watching costs. Both are asked in turn over 64 connections; the one that is watched is scraped every five seconds meanwhile. Exits with 1
if it does less than nine tenths.
"""

import argparse
import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx

from tests.load.cached_get import add_product, copied, own_servers, rate
from tests.load.lab.costs import cpu_seconds
from tests.support.leash import Leash
from tests.support.processes import Api, Processes
from tests.support.program import Program
from tests.support.scrape import free_metrics_port, scrape
from tests.support.settings import Where

SHARE_MIN = 0.9
_TRACKER = "http://key@127.0.0.1:9/1"  # nobody is there, and nothing is to be told
_WARM_SECONDS = 1
_UNREACHABLE = "1000000"
SCRAPED_EVERY_SECONDS = 5.0  # as the local stack has it; a deployment every fifteen


async def measure(where: Where, folder: Path, leash: Leash, *, workers: int, rounds: int, seconds: int) -> bool:
    await add_product(where.database_url)
    running = Processes(where, folder, leash)
    start = partial(running.api, workers=workers, rate_limit_factor=_UNREACHABLE, redis_timeout_ms="50")
    ratios = []
    for _ in range(rounds):
        port = free_metrics_port()
        watched = await start(metrics_port=str(port), sentry_dsn=_TRACKER)
        alone = await start(module="tests.load.unobserved")
        scraping = asyncio.create_task(_scrape(port, workers))
        ratios.append(await _compare(watched, alone, seconds))
        scraping.cancel()
        for api in (watched, alone):
            await api.program.stop()
    print(f"{workers} workers: watched, it does {median(ratios):.3f} of what it does alone")
    return median(ratios) >= SHARE_MIN


async def _scrape(port: int, workers: int) -> None:
    while True:
        with suppress(httpx.TransportError):
            await scrape(port, api=workers)
        await asyncio.sleep(SCRAPED_EVERY_SECONDS)


async def _compare(watched: Api, alone: Api, seconds: int) -> float:
    for api in (watched, alone):
        await copied(api.url)
        await rate(api.url, _WARM_SECONDS)
    on, off = [await rate_of(api.url, api.program, seconds) for api in (watched, alone)]
    costs = f"of CPU {on.cpu_us:.0f} and {off.cpu_us:.0f} us each"
    print(f"watched {on.a_second:8.0f} a second, alone {off.a_second:8.0f}, ratio {on.a_second / off.a_second:.2f}; {costs}", flush=True)
    return on.a_second / off.a_second


class Rate(NamedTuple):
    a_second: float
    cpu_us: float  # of all processes of the app, for each request


async def rate_of(url: str, program: Program, seconds: int, paths: Path | None = None) -> Rate:
    """As `rate`, and what each answer took of the processor."""
    before = cpu_seconds(program.pid)
    a_second = await rate(url, seconds, paths)
    return Rate(a_second, (cpu_seconds(program.pid) - before) / (a_second * seconds) * 1e6)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=4)
    chosen = parser.parse_args()
    with own_servers() as (where, folder, leash):
        is_cheap = asyncio.run(measure(where, folder, leash, workers=chosen.workers, rounds=chosen.rounds, seconds=chosen.seconds))
    return 0 if is_cheap else 1


if __name__ == "__main__":
    raise SystemExit(main())
