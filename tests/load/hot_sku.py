"""What queueing together buys where everybody wants the same thing: reservations a second of one sku, with batching and without.

    python -m tests.load.hot_sku [--workers 2] [--rounds 3] [--seconds 5]

Needs wrk (Debian's package). Starts a PostgreSQL that writes what it says it wrote, a Valkey, and two APIs as shipped but for limits that
nobody can reach, one of them with HOLDFAST_BATCHING=off. Asks them in turn, over 8 and 64 connections, for a sku of which there is
enough, and over 64 for one that is sold out; and, in the same rounds, the least that FastAPI can do on one worker. Exits with 1 if
batching gives less than two and a half times as many reservations over 64 connections, or fewer than over 8.
"""

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from tests.load.buyers import Buyers, open_for_buyers
from tests.load.cached_get import own_servers, rate, trivial_app
from tests.support.leash import Leash
from tests.support.processes import Processes
from tests.support.settings import Where

TIMES_MIN = 2.5
HOT, GONE = "HOT", "GONE"
CASES = ((HOT, 8), (HOT, 64), (GONE, 64))  # a sku, and the connections that ask for it
TRIVIAL = b'{"id":"any"}'

Rates = Mapping[tuple[str, str, int], Sequence[float]]


async def measure(where: Where, folder: Path, leash: Leash, chosen: argparse.Namespace) -> bool:
    buyers = await open_for_buyers(where, folder, [HOT], sold_out=[GONE])
    processes = Processes(where, folder, leash)
    rates: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    trivial = []
    async with AsyncExitStack() as stack:
        urls = {}
        for batching in ("on", "off"):
            api = await processes.api(workers=chosen.workers, batching=batching, rate_limit_factor="1000000", redis_timeout_ms="50")
            stack.push_async_callback(api.program.stop)
            urls[batching] = api.url
        least = await stack.enter_async_context(trivial_app(TRIVIAL, folder, leash, workers=1))
        for _ in range(chosen.rounds):
            for sku, connections in CASES:
                for batching, url in urls.items():
                    found = await _ask(buyers, url, sku, connections=connections, seconds=chosen.seconds)
                    rates[batching, sku, connections].append(found)
            trivial.append(await rate(least, chosen.seconds))
    return report(rates, median(trivial))


async def _ask(buyers: Buyers, url: str, sku: str, *, connections: int, seconds: int) -> float:
    """Answers a second, and every one of them what it should be."""
    answers = await buyers.buy(url, [sku], connections=connections, seconds=seconds)
    assert answers.refused == (sku == GONE), f"{answers.refused:.2%} of the orders for {sku} were refused"
    return answers.per_second


def report(rates: Rates, trivial: float) -> bool:
    print(f"{'a second':36} {'on':>7} {'off':>7} {'on/off':>7} {'on/trivial':>11}")
    for sku, connections in CASES:
        on, off = median(rates["on", sku, connections]), median(rates["off", sku, connections])
        name = f"{'refusals' if sku == GONE else 'reservations'}, {connections} connections"
        print(f"{name:36} {on:>7,.0f} {off:>7,.0f} {on / off:>7.2f} {on / trivial:>11.2f}")
    print(f"{'trivial':36} {trivial:>7,.0f}")
    many = median(rates["on", HOT, 64])
    return many >= TIMES_MIN * median(rates["off", HOT, 64]) and many >= median(rates["on", HOT, 8])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, default=2, help="of each API")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each figure in each round")
    chosen = parser.parse_args()
    with own_servers() as servers:
        return 0 if asyncio.run(measure(*servers, chosen)) else 1


if __name__ == "__main__":
    sys.exit(main())
