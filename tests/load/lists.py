"""How long a page of each list takes in a big shop, the first one and the thousandth.

    python -m tests.load.lists [--products 250000] [--only WORD]

Exits with 1 if the slowest of twenty pages takes 50 ms or more.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import Database, open_database
from services.runtime.paging import LIMIT_DEFAULT, LIMIT_MAX, Page, Position, Window
from tests.inventory.test_list_plans import LISTS, List
from tests.load.ground import own_database
from tests.support.crowd import crowd_sql
from tests.support.settings import Where, settings

DEEP_PAGE = 1_000
SAMPLES = 40
P95_MS_MAX = 50.0
_BEFORE_DEEP = (DEEP_PAGE - 1) * LIMIT_DEFAULT


@dataclass(frozen=True, slots=True)
class Timing:
    page: int
    p50_ms: float
    p95_ms: float

    def __str__(self) -> str:
        return f"{self.p50_ms:8.1f} {self.p95_ms:8.1f}  page {self.page}"


async def measure(url: str, names: Sequence[str]) -> bool:
    """Print a line for each list; whether all of them are fast."""
    is_fast = True
    print(f"{'':42} {'p50':>8} {'p95':>8}{'':12} {'p50':>8} {'p95':>8}   (ms)")
    async with open_database(settings(Where(database_url=url)), application="load") as database:
        for name in names:
            first = await _time(database, LISTS[name], Window(), page=1)
            far, page = await _walk(database, LISTS[name])
            deep = await _time(database, LISTS[name], Window(far), page=page)
            slow = max(first.p95_ms, deep.p95_ms) >= P95_MS_MAX
            is_fast = is_fast and not slow
            print(f"{name:42} {first!s:29} {deep!s:29}{' SLOW' if slow else ''}", flush=True)
    return is_fast


async def _time(database: Database, listed: List, window: Window, *, page: int) -> Timing:
    elapsed = []
    for _ in range(SAMPLES + 2):
        began = time.perf_counter()
        await database.transact(listed, window)
        elapsed.append((time.perf_counter() - began) * 1_000)
    cuts = quantiles(elapsed[2:], n=20)  # without the two that compiled and prepared the statement
    return Timing(page, cuts[9], cuts[18])


async def _walk(database: Database, listed: List) -> tuple[Position | None, int]:
    """Where the thousandth page begins, or the last one of a list that is shorter. In long strides, to get there soon."""

    async def stride(connection: AsyncConnection, window: Window) -> Page[object]:
        return await listed(connection, window)

    here, seen = None, 0
    while seen < _BEFORE_DEEP:
        page = await database.transact(stride, Window(here, limit=min(LIMIT_MAX, _BEFORE_DEEP - seen)))
        seen += len(page.items)
        if page.next is None:
            break
        here = page.next
    return here, seen // LIMIT_DEFAULT + 1


async def fill(url: str, products: int) -> None:
    began = time.monotonic()
    connection = await asyncpg.connect(url)
    await connection.execute(crowd_sql(products, stocked_percent=100))
    await connection.execute("VACUUM ANALYZE")
    for table in ("products", "stock_levels", "stock_movements", "reservations", "reservation_lines"):
        rows = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608  # a name of ours
        print(f"{rows:>10,} {table}")
    await connection.close()
    print(f"filled in {time.monotonic() - began:.0f} s\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the first and the thousandth page of each list.")
    parser.add_argument("--products", type=int, default=250_000, help="four times as many stock levels and movements")
    parser.add_argument("--only", default="", metavar="WORD", help="only lists with this in their name")
    options = parser.parse_args()
    names = [name for name in LISTS if options.only in name]
    with own_database() as url:
        asyncio.run(fill(url, options.products))
        sys.exit(not asyncio.run(measure(url, names)))


if __name__ == "__main__":
    main()
