"""What watching costs: cached products a second with metrics, log and error tracking on, beside the same API without.

    python -m tests.load.observed [--workers 1] [--rounds 5] [--seconds 5]

Needs wrk (Debian's package). Both run at once and are asked in turn over 64 connections; the one that is watched is scraped every
second meanwhile. Exits with 1 if it does less than nine tenths.
"""

import argparse
import asyncio
from contextlib import suppress
from pathlib import Path
from statistics import median

import asyncpg
import httpx

from tests.load.cached_get import PRODUCT, copied, own_servers, rate
from tests.support.leash import Leash
from tests.support.processes import Processes
from tests.support.scrape import free_metrics_port, scrape
from tests.support.settings import Where

SHARE_MIN = 0.9
_UNREACHABLE = "1000000"
SCRAPED_EVERY_SECONDS = 1.0  # fifteen times as often as Prometheus does by itself


async def measure(where: Where, folder: Path, leash: Leash, *, workers: int, rounds: int, seconds: int) -> bool:
    connection = await asyncpg.connect(where.database_url)
    await connection.execute(PRODUCT)
    await connection.close()
    port = free_metrics_port()
    running = Processes(where, folder, leash)
    watched = await running.api(workers=workers, rate_limit_factor=_UNREACHABLE, redis_timeout_ms="50", metrics_port=str(port))
    alone = await running.api(workers=workers, rate_limit_factor=_UNREACHABLE, redis_timeout_ms="50", module="tests.load.unobserved")
    for url in (watched.url, alone.url):
        await copied(url)
    scraping = asyncio.create_task(_scrape(port, workers))
    ratios = [await _compare(watched.url, alone.url, seconds) for _ in range(rounds)]
    scraping.cancel()
    for api in (watched, alone):
        await api.program.stop()
    print(f"{workers} workers: watched, it does {median(ratios):.2f} of what it does alone")
    return median(ratios) >= SHARE_MIN


async def _scrape(port: int, workers: int) -> None:
    while True:
        with suppress(httpx.TransportError):
            await scrape(port, api=workers)
        await asyncio.sleep(SCRAPED_EVERY_SECONDS)


async def _compare(watched: str, alone: str, seconds: int) -> float:
    on, off = await rate(watched, seconds), await rate(alone, seconds)
    print(f"watched {on:8.0f} a second, alone {off:8.0f}, ratio {on / off:.2f}")
    return on / off


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    chosen = parser.parse_args()
    with own_servers() as (where, folder, leash):
        is_cheap = asyncio.run(measure(where, folder, leash, workers=chosen.workers, rounds=chosen.rounds, seconds=chosen.seconds))
    return 0 if is_cheap else 1


if __name__ == "__main__":
    raise SystemExit(main())
