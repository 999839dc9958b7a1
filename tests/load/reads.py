"""What is left of the fastest reads that FastAPI can do: one cached product, and one product and a page of fifty from the database.

    python -m tests.load.reads [--workers 2] [--rounds 3] [--seconds 5] [--products 100000]

Needs wrk (Debian's package). Starts a PostgreSQL that writes what it says it wrote, a Valkey, an API as shipped but for limits that
nobody can reach, and what its reads are compared with: a route that returns the cached bytes with nothing else, on one worker, and an app
that asks PostgreSQL the same by raw asyncpg (with_asyncpg.py), on as many workers as ours. From the database ours reads with
`consistency=strong`, past every copy; products and pages are spread over the whole catalogue. Asks them in turn over 64 connections.
Exits with 1 if a cached product comes less than 2.5 times as often as the route's bytes, or the others less than 0.7 and 0.8 times as
often as by asyncpg.
"""

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import asyncpg
import httpx

from services.runtime.paging import LIMIT_DEFAULT, LIMIT_MAX
from tests.load.cached_get import PRODUCT, copied, own_servers, plain_app
from tests.load.observed import Rate, rate_of
from tests.support.crowd import crowd_sql
from tests.support.leash import Leash
from tests.support.processes import Api, Processes
from tests.support.program import Program
from tests.support.settings import Where

PRODUCTS_READ = 1_000  # enough that none of them is hot

Rates = Mapping[tuple[str, str], Sequence[Rate]]


@dataclass(frozen=True, slots=True)
class Side:
    """Whom to ask, and for what: the paths of a file, or the one product."""

    url: str
    program: Program
    paths: Path | None = None


@dataclass(frozen=True, slots=True)
class Read:
    name: str
    share_min: float
    ours: Side
    theirs: Side


async def measure(where: Where, folder: Path, leash: Leash, chosen: argparse.Namespace) -> bool:
    await fill(where.database_url, chosen.products)
    rates: dict[tuple[str, str], list[Rate]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        api = await Processes(where, folder, leash).api(workers=chosen.workers, rate_limit_factor="1000000", redis_timeout_ms="50")
        stack.push_async_callback(api.program.stop)
        body = (await copied(api.url)).decode()
        trivial = await stack.enter_async_context(plain_app("tests.load.trivial", folder, leash, workers=1, TRIVIAL_BODY=body))
        raw = await stack.enter_async_context(
            plain_app("tests.load.with_asyncpg", folder, leash, workers=chosen.workers, ASYNCPG_URL=where.database_url)
        )
        reads = [Read("cached product", 2.5, Side(api.url, api.program), Side(*trivial)), *await from_database(api, raw, folder)]
        for _ in range(chosen.rounds):
            for read in reads:
                rates[read.name, "ours"].append(await _ask(read.ours, chosen.seconds))
                rates[read.name, "theirs"].append(await _ask(read.theirs, chosen.seconds))
    return report(reads, rates)


async def fill(url: str, products: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(crowd_sql(products, stocked_percent=0))
    await connection.execute(PRODUCT)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")  # else it comes in the middle of a round
    await connection.close()


async def from_database(api: Api, raw: tuple[str, Program], folder: Path) -> list[Read]:
    last = await last_skus(api.url)
    skus = [sku for sku, _ in last[:: max(len(last) // PRODUCTS_READ, 1)]]

    def paths(name: str, each: Iterable[str]) -> Path:
        file = folder / name
        file.write_text("\n".join(each))
        return file

    one = Side(api.url, api.program, paths("one", (f"/v1/products/{sku}?consistency=strong" for sku in skus)))
    page = Side(api.url, api.program, paths("page", (f"/v1/products?consistency=strong&cursor={cursor}" for _, cursor in last)))
    return [
        Read("product", 0.7, one, Side(*raw, paths("raw-one", (f"/v1/products/{sku}" for sku in skus)))),
        Read(f"page of {LIMIT_DEFAULT}", 0.8, page, Side(*raw, paths("raw-page", (f"/v1/products?after={sku}" for sku, _ in last)))),
    ]


async def last_skus(url: str) -> list[tuple[str, str]]:
    """Of long pages from all over the list of products: the last sku of each, and the cursor to what follows."""
    found: list[tuple[str, str]] = []
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        asked = {"consistency": "strong", "limit": str(LIMIT_MAX)}
        while True:
            page = (await http.get("/v1/products", params=asked)).raise_for_status().json()
            if page["next_cursor"] is None:
                return found
            asked["cursor"] = page["next_cursor"]
            found.append((page["items"][-1]["sku"], page["next_cursor"]))


async def _ask(side: Side, seconds: int) -> Rate:
    return await rate_of(side.url, side.program, seconds, side.paths)


def report(reads: Sequence[Read], rates: Rates) -> bool:
    """Print a line for each read; whether all of them are fast."""
    is_fast = True
    print(f"{'a second':16} {'ours':>7} {'theirs':>7} {'share':>6} {'at least':>9} {'CPU of ours':>14} {'of theirs':>10}")
    for read in reads:
        ours, theirs = rates[read.name, "ours"], rates[read.name, "theirs"]
        mine, other = median(rate.a_second for rate in ours), median(rate.a_second for rate in theirs)
        cpu, other_cpu = median(rate.cpu_us for rate in ours), median(rate.cpu_us for rate in theirs)
        is_fast = is_fast and mine >= read.share_min * other
        print(
            f"{read.name:16} {mine:>7,.0f} {other:>7,.0f} {mine / other:>6.2f} {read.share_min:>9} {cpu:>11,.0f} us {other_cpu:>7,.0f} us"
        )
    return is_fast


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, default=2, help="of ours, and of the app with asyncpg")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each figure in each round")
    parser.add_argument("--products", type=int, default=100_000)
    chosen = parser.parse_args()
    with own_servers() as servers:
        return 0 if asyncio.run(measure(*servers, chosen)) else 1


if __name__ == "__main__":
    sys.exit(main())
