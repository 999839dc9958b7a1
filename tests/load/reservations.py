"""A hundred thousand reservations: how many a second, beside what the statement itself allows, and whether the levels stay HOT.

    python -m tests.load.reservations [--count 100000] [--skus 10]

The ceiling is pgbench with the same statement on the same server, right afterwards: no Python, nothing but PostgreSQL.
Exits with 1 if less than 95 of a hundred updates of a level stayed within their page and touched no index.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict

import asyncpg

from deploy.local.postgres import find_programs
from services.inventory.reservations import placing
from services.inventory.reservations.model import Quota
from tests.load.ground import CONNECTIONS, CUSTOMERS, WAREHOUSE, own_database, own_shop
from tests.support.crowd import account_of_crowd
from tests.support.together import together

HOT_RATIO_MIN = 0.95
CEILING_SECONDS = 20
_COUNTERS = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'stock_levels'"
_STATEMENT = """
\\set sku random(1, {skus})
\\set customer random(1, {customers})
SELECT reserve(('{account}' || lpad(:customer::text, 4, '0'))::uuid, gen_random_uuid()::text,
               '\\x00', gen_random_uuid(), ARRAY[(ARRAY[{listed}])[:sku]], ARRAY['{warehouse}'], ARRAY[1],
               interval '1 hour', NULL, '{{}}', gen_random_uuid()::text, {holds_max}, {units_of_a_sku_max});
"""


async def through_the_code(url: str, skus: Sequence[str], count: int) -> float:
    """Reservations a second through `placing.place` in this one process."""
    async with own_shop(url, skus) as shop:

        async def buy(buyer: int) -> None:
            for n in range(buyer, count, CONNECTIONS):
                await placing.place(shop.ours, *shop.order(n))

        began = time.perf_counter()
        await together(*map(buy, range(CONNECTIONS)))
        return count / (time.perf_counter() - began)


def the_statement_alone(
    url: str, skus: Sequence[str], *, quota: Quota | None = None, warehouse: str = WAREHOUSE, seconds: int = CEILING_SECONDS
) -> float:
    """Reservations a second by pgbench, for the first thousand of the crowd, each of whom has this quota."""
    account, listed = str(account_of_crowd(0))[:-4], ", ".join(f"'{sku}'" for sku in skus)
    limits = dict.fromkeys(("holds_max", "units_of_a_sku_max"), "NULL") if quota is None else asdict(quota)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(_STATEMENT.format(skus=len(skus), listed=listed, customers=CUSTOMERS, account=account, warehouse=warehouse, **limits))
        script.flush()
        options = ["--no-vacuum", "--protocol=prepared", f"--client={CONNECTIONS}", f"--time={seconds}"]
        command = [str(find_programs() / "pgbench"), *options, f"--file={script.name}", url]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    [line] = (line for line in told.splitlines() if line.startswith("tps = "))
    return float(line.split()[2])


async def counters(url: str) -> tuple[int, int]:
    """Updates of levels, and those of them that were HOT, by all sessions that have ended."""
    connection = await asyncpg.connect(url)
    updates, hot = await connection.fetchrow(_COUNTERS)
    await connection.close()
    return updates, hot


def main() -> None:
    parser = argparse.ArgumentParser(description="Place many reservations and see what PostgreSQL makes of them.")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--skus", type=int, default=10, help="the fewer, the more wait for one row")
    options = parser.parse_args()
    skus = [f"SKU-{n}" for n in range(1, options.skus + 1)]
    with own_database() as url:
        rate = asyncio.run(through_the_code(url, skus, options.count))
        updates, hot = asyncio.run(counters(url))
        ceiling = the_statement_alone(url, skus)
        updates_later, hot_later = asyncio.run(counters(url))
    print(f"{'':24} {'updates':>9} {'a second':>9} {'of ceiling':>11} {'HOT':>8}")
    print(f"{'placing.place':24} {updates:>9,} {rate:>9,.0f} {rate / ceiling:>11.2f} {hot / updates:>8.2%}")
    later = (hot_later - hot) / (updates_later - updates)
    print(f"{'the statement, pgbench':24} {updates_later - updates:>9,} {ceiling:>9,.0f} {1:>11.2f} {later:>8.2%}")
    sys.exit(min(hot / updates, later) < HOT_RATIO_MIN)


if __name__ == "__main__":
    main()
