"""What it costs those who buy something else that many hear of one sku that it is sold out, beside as many who only look at it.

    python -m tests.load.beside_refusals [--rps 200] [--beside 1000] [--rounds 5] [--seconds 6]

Starts a PostgreSQL that writes what it says it wrote, a Valkey, and an API of two workers as shipped but for limits that nobody can
reach. In turn, and always when they are due: reservations of two hundred skus at a rate; the same beside refusals of another one at
a higher rate; and beside as many GETs of that one, from the database and from its copy. Exits with 1 if the reservations wait longer
(p50 or p99, medians of the rounds) beside refusals than beside GETs that ask the database as refusals do.
"""

import argparse
import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from tests.load.buyers import open_for_buyers
from tests.load.cached_get import own_servers
from tests.load.ground import WAREHOUSE
from tests.load.lab.arrivals import Ask, Plan, driving, get, post
from tests.load.lab.results import Latencies
from tests.support.leash import Leash
from tests.support.processes import Processes
from tests.support.settings import Where

SKUS = [f"SKU-{n}" for n in range(1, 201)]
GONE = "GONE"
BUY, BESIDE = "buy", "beside"
LEAD_SECONDS = 1.0  # not counted: connections are new


async def measure(where: Where, folder: Path, leash: Leash, chosen: argparse.Namespace) -> bool:
    buyers = await open_for_buyers(where, folder, SKUS, sold_out=[GONE])
    tokens = buyers.tokens.read_text().split()
    crowds = {
        "alone": [],
        "refusals": [_buy(GONE, token, BESIDE) for token in tokens],
        "GETs, database": [get(BESIDE, f"/v1/products/{GONE}?consistency=strong", token) for token in tokens],
        "GETs, copies": [get(BESIDE, f"/v1/products/{GONE}", token) for token in tokens],
    }
    api = await Processes(where, folder, leash).api(workers=2, rate_limit_factor="1000000", redis_timeout_ms="50")
    found: dict[str, list[Latencies]] = defaultdict(list)
    for _ in range(chosen.rounds):
        for name, crowd in crowds.items():
            found[name].append(await _buy_beside(crowd, api.port, tokens, leash, chosen))
    await api.program.stop()
    return report(found)


async def _buy_beside(crowd: Sequence[Ask], port: int, tokens: Sequence[str], leash: Leash, chosen: argparse.Namespace) -> Latencies:
    """How long the reservations take that go through; all of them must."""
    bought = [_buy(SKUS[n % len(SKUS)], token, BUY) for n, token in enumerate(tokens)]
    seconds = LEAD_SECONDS + chosen.seconds
    plans = [Plan(port=port, asks=bought, rps=chosen.rps, seconds=seconds)]
    if crowd:
        plans.append(Plan(port=port, asks=crowd, rps=chosen.beside, seconds=seconds, seed=2))
    async with driving(*plans, leash=leash) as going:
        tally, *_ = await going.finish()
    assert tally.ok == len(tally), tally.statuses()
    return tally.since(LEAD_SECONDS).latencies()


def _buy(sku: str, token: str, kind: str) -> Ask:
    body = {"lines": [{"sku": sku, "quantity": 1, "warehouse": WAREHOUSE}]}
    return post(kind, "/v1/reservations", json.dumps(body).encode(), token)


def report(found: Mapping[str, Sequence[Latencies]]) -> bool:
    """Whether refusals are no worse than GETs that ask the database."""
    medians = {name: [median(getattr(one, key) for one in rounds) for key in ("p50_ms", "p99_ms")] for name, rounds in found.items()}
    print(f"{'reservations beside':24} {'p50':>9} {'p99':>9}")
    for name, (p50, p99) in medians.items():
        print(f"{name:24} {p50:>6.1f} ms {p99:>6.1f} ms")
    return all(ours <= theirs for ours, theirs in zip(medians["refusals"], medians["GETs, database"], strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rps", type=float, default=200)
    parser.add_argument("--beside", type=float, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6, help="of each figure in each round")
    chosen = parser.parse_args()
    with own_servers() as servers:
        return 0 if asyncio.run(measure(*servers, chosen)) else 1


if __name__ == "__main__":
    sys.exit(main())
