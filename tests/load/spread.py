"""How much of what PostgreSQL can do is left over HTTP: reservations a second of two hundred skus, beside pgbench with the same call.

    python -m tests.load.spread [--workers 2] [--rounds 3] [--seconds 5] [--skus 200]

Needs wrk (Debian's package). Starts a PostgreSQL that writes what it says it wrote, a Valkey, and an API as shipped but for limits that
nobody can reach, and asks in turn: the API over 16 and over 64 connections, pgbench with 16 clients that have a customer's quota as
the API's have. Exits with 1 if the API over 64 reaches less than half of pgbench.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from statistics import median

from services.inventory.reservations.model import Quota
from tests.load.buyers import open_for_buyers
from tests.load.cached_get import own_servers
from tests.load.reservations import the_statement_alone
from tests.support.leash import Leash
from tests.support.processes import Processes
from tests.support.settings import Where, settings

SHARE_MIN = 0.5
CONNECTIONS = (16, 64)


async def measure(where: Where, folder: Path, leash: Leash, chosen: argparse.Namespace) -> bool:
    skus = [f"SKU-{n}" for n in range(1, chosen.skus + 1)]
    buyers = await open_for_buyers(where, folder, skus)
    api = await Processes(where, folder, leash).api(workers=chosen.workers, rate_limit_factor="1000000", redis_timeout_ms="50")
    rates: dict[int, list[float]] = {connections: [] for connections in CONNECTIONS}
    ceiling, shipped = [], settings(where)
    quota = Quota(shipped.open_holds_per_account, shipped.units_on_hold_per_sku)
    for _ in range(chosen.rounds):
        for connections in CONNECTIONS:
            answers = await buyers.buy(api.url, skus, connections=connections, seconds=chosen.seconds)
            assert answers.refused == 0
            rates[connections].append(answers.per_second)
        ceiling.append(await asyncio.to_thread(the_statement_alone, where.database_url, skus, quota=quota, seconds=chosen.seconds))
    await api.program.stop()
    print(f"{'pgbench, 16 clients':28} {median(ceiling):>7,.0f}")
    for connections, found in rates.items():
        print(f"{f'the API, {connections} connections':28} {median(found):>7,.0f} {median(found) / median(ceiling):>7.2f}")
    return median(rates[CONNECTIONS[-1]]) >= SHARE_MIN * median(ceiling)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each figure in each round")
    parser.add_argument("--skus", type=int, default=200)
    chosen = parser.parse_args()
    with own_servers() as servers:
        return 0 if asyncio.run(measure(*servers, chosen)) else 1


if __name__ == "__main__":
    sys.exit(main())
