"""What a Redis that hangs does to the API: how late its event loop is, and what it answers, while wrk asks as fast as it can.

    python -m tests.load.hung_redis [--workers 2] [--rounds 5]

Needs wrk (Debian's package). In each round Redis is stopped (SIGSTOP) for two of eight seconds. Exits with 1 if a loop was late by
more than fifty milliseconds, or if anything but 2xx was answered.
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import redis.asyncio

from tests.load.cached_get import add_product, copied, own_servers, rate
from tests.support.leash import Leash
from tests.support.processes import Processes
from tests.support.scrape import Figures, free_metrics_port, scrape
from tests.support.settings import Where

BEFORE_SECONDS, HUNG_SECONDS, ROUND_SECONDS = 3, 2, 8
LATE_SECONDS = 0.05
_BUCKETS = "inventory_loop_delay_seconds_bucket"


async def measure(where: Where, folder: Path, leash: Leash, *, workers: int, rounds: int) -> bool:
    await add_product(where.database_url)
    port = free_metrics_port()
    start = Processes(where, folder, leash).api
    api = await start(workers=workers, module="tests.load.attentive", rate_limit_factor="1000000", metrics_port=str(port))
    await copied(api.url)
    late = 0
    for _ in range(rounds):
        before = await scrape(port, api=workers)
        asking = asyncio.create_task(rate(api.url, ROUND_SECONDS))
        await asyncio.sleep(BEFORE_SECONDS)
        await _hang(where.cache_url)
        a_second = await asking
        late += _report(before, await scrape(port, api=workers), a_second)
    await api.program.stop()
    return late == 0


async def _hang(cache_url: str) -> None:
    async with redis.asyncio.from_url(cache_url) as client:
        pid = (await client.info("server"))["process_id"]
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(HUNG_SECONDS)
    finally:
        os.kill(pid, signal.SIGCONT)


def _report(before: Figures, after: Figures, a_second: float) -> int:
    """How many looks found the loop later than it may be."""

    def between(bound: str) -> float:
        return after.of(_BUCKETS, le=bound) - before.of(_BUCKETS, le=bound)

    looks, late = between("+Inf"), between("+Inf") - between(str(LATE_SECONDS))
    alone = after.of("inventory_requests_decided_alone_total") - before.of("inventory_requests_decided_alone_total")
    loop = f"{looks:,.0f} looks at the loop, {late:.0f} too late"
    print(f"{a_second:7,.0f} answers a second, all 2xx; {alone:,.0f} in all without Redis; {loop}", flush=True)
    assert alone > 0, "Redis was never missed"
    return round(late)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with own_servers() as servers:
        return 0 if asyncio.run(measure(*servers, workers=chosen.workers, rounds=chosen.rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())
