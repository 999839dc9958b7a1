"""What queueing together buys where everybody wants the same thing: reservations a second of one sku, with batching and without.

    python -m tests.load.hot_sku [--workers 2] [--rounds 3] [--seconds 5]

Needs wrk (Debian's package). Starts a PostgreSQL that writes what it says it wrote, a Valkey, and two APIs as shipped, one of them with
HOLDFAST_BATCHING=off. Asks them in turn, over 8 and 64 connections: for a sku of which there is enough, and for one that is sold out;
and, in the same rounds, the least that FastAPI can do on one worker. A thousand customers, and a key of its own for each request. Exits
with 1 if batching gives less than two and a half times as many reservations over 64 connections, or fewer than over 8.
"""

import argparse
import asyncio
import re
import subprocess
import sys
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from services.inventory.accounts.model import Role
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.tokens import Tokens
from services.runtime.database import open_database
from tests.load.cached_get import own_servers, trivial_app
from tests.support.leash import Leash
from tests.support.people import People
from tests.support.processes import Processes
from tests.support.settings import Where, settings
from tests.support.shop import Shop

CUSTOMERS = 1_000
WAREHOUSE, HOT, GONE = "AMS", "HOT", "GONE"
ENOUGH = 1_000_000_000
CONNECTIONS = (8, 64)
TIMES_MIN = 2.5
_SCRIPT = Path(__file__).with_name("place.lua")
_PER_SECOND = re.compile(r"Requests/sec:\s+([\d.]+)")
_REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_ALL = re.compile(r"(\d+) requests in")


async def customers(where: Where, folder: Path, *skus: str) -> Path:
    """A file of their tokens. They may have these skus, all but the last, which is sold out."""
    chosen = settings(where)
    async with open_database(chosen, application="load") as ours:
        people = People(ours, {"": ""}, Tokens(chosen))
        tokens = [(await people.join()).token for _ in range(CUSTOMERS)]
        shop = Shop(ours, Caller((await people.join()).account_id, Role.CUSTOMER))
        await shop.warehouse(WAREHOUSE)
        for sku in skus:
            await shop.product(sku)
            await shop.stock(sku, WAREHOUSE, 0 if sku == GONE else ENOUGH)
    file = folder / "tokens"
    file.write_text("\n".join(tokens))
    return file


async def rate(url: str, tokens: Path, skus: Sequence[str], *, connections: int, seconds: int) -> float:
    """Answers a second: reservations all of them, or refusals all of them."""
    wrk = ("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--script", str(_SCRIPT))
    said = await asyncio.to_thread(subprocess.check_output, (*wrk, url, "--", uuid.uuid4().hex, str(tokens), *skus), text=True)
    per_second, every, refused = _PER_SECOND.search(said), _ALL.search(said), _REFUSED.search(said)
    assert per_second, said
    assert every, said
    assert int(refused[1] if refused else 0) == (int(every[1]) if GONE in skus else 0), said
    return float(per_second[1])


async def trivial_rate(url: str, seconds: int) -> float:
    command = ("wrk", "--threads", "1", "--connections", "64", "--duration", f"{seconds}s", f"{url}/v1/products/any")
    found = _PER_SECOND.search(await asyncio.to_thread(subprocess.check_output, command, text=True))
    assert found
    return float(found[1])


async def measure(where: Where, folder: Path, leash: Leash, chosen: argparse.Namespace) -> bool:
    tokens = await customers(where, folder, HOT, GONE)
    processes = Processes(where, folder, leash)
    rates: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    trivial: list[float] = []
    async with AsyncExitStack() as stack:
        urls = {}
        for batching in ("on", "off"):
            api = await processes.api(workers=chosen.workers, batching=batching, rate_limit_factor="1000000", redis_timeout_ms="50")
            stack.push_async_callback(api.program.stop)
            urls[batching] = api.url
        least = await stack.enter_async_context(trivial_app(b'{"id":"any"}', folder, leash, workers=1))
        for _ in range(chosen.rounds):
            for sku, connections in ((HOT, 8), (HOT, 64), (GONE, 64)):
                for batching, url in urls.items():
                    found = await rate(url, tokens, [sku], connections=connections, seconds=chosen.seconds)
                    rates[batching, sku, connections].append(found)
            trivial.append(await trivial_rate(least, chosen.seconds))
    return report({key: median(found) for key, found in rates.items()}, median(trivial))


def report(rates: Mapping[tuple[str, str, int], float], trivial: float) -> bool:
    print(f"{'a second':34} {'on':>7} {'off':>7} {'on/off':>7}   trivial {trivial:,.0f}")
    for sku, connections, what in ((HOT, 8, "reservations"), (HOT, 64, "reservations"), (GONE, 64, "refusals")):
        on, off = rates["on", sku, connections], rates["off", sku, connections]
        print(f"{what + f', {connections} connections':34} {on:>7,.0f} {off:>7,.0f} {on / off:>7.2f}   {on / trivial:.2f} of trivial")
    few, many = rates["on", HOT, 8], rates["on", HOT, 64]
    return many >= TIMES_MIN * rates["off", HOT, 64] and many >= few


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    chosen = parser.parse_args()
    with own_servers() as servers:
        return 0 if asyncio.run(measure(*servers, chosen)) else 1


if __name__ == "__main__":
    sys.exit(main())
