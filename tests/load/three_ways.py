"""The same reservation of one line in three ways: as objects of the ORM, as statements of Core, as one SQL function.

    python -m tests.load.three_ways [--count 2000]

All three are correct and leave the same rows. They differ in how often they ask the database, and so in how long each keeps
the row of a level from the others. The first two live here and not in services/, for nobody should take them for ours.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from statistics import median

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.inventory.reservations import placing
from tests.load import with_core, with_orm
from tests.load.ground import CONNECTIONS, LoadedShop, own_database, own_shop
from tests.support.together import together

ROUNDS = 3  # in turns, so that a busy minute of the machine is not one way's alone
HOLD = timedelta(minutes=10)
CALLS = "SELECT sum(calls)::int FROM pg_stat_statements JOIN pg_database ON oid = dbid WHERE datname = 'postgres' AND query !~ 'pg_stat'"

Way = Callable[[int], Awaitable[object]]


def ways_of(shop: LoadedShop, engine: AsyncEngine) -> Mapping[str, Way]:
    return {
        "ORM: load, lock, flush": lambda n: with_orm.place(engine, *shop.order(n), hold=HOLD),
        "Core: one transaction": lambda n: with_core.place(engine, *shop.order(n), hold=HOLD),
        "SQL function: reserve": lambda n: placing.place(shop.ours, *shop.order(n)),
    }


async def rate(way: Way, count: int, at_once: int) -> float:
    """Reservations a second."""

    async def buy(buyer: int) -> None:
        for n in range(buyer, count, at_once):
            await way(n)

    began = time.perf_counter()
    await together(*map(buy, range(at_once)))
    return count / (time.perf_counter() - began)


async def statements(url: str, way: Way) -> int:
    """How many one reservation takes, BEGIN and COMMIT among them."""
    await way(0)
    connection = await asyncpg.connect(url)
    await connection.execute("SELECT pg_stat_statements_reset()")
    await way(0)
    calls: int = await connection.fetchval(CALLS)
    await connection.close()
    return calls


async def compare(url: str, skus: Sequence[str], count: int) -> None:
    async with own_shop(url, skus) as shop:
        engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"), pool_size=CONNECTIONS, max_overflow=0)
        hot = LoadedShop(shop.ours, skus[:1])
        asked = {name: await statements(url, way) for name, way in ways_of(shop, engine).items()}
        columns = [await _rates(ways_of(shop, engine), count, 1)]
        columns += [await _rates(ways_of(of, engine), count, CONNECTIONS) for of in (shop, hot)]
        await engine.dispose()
    print(f"{'':24} {'statements':>11} {'one client':>12} {f'{CONNECTIONS} clients':>12} {'one sku':>12}")
    for name, calls in asked.items():
        print(f"{name:24} {calls:>11}", *(f"{rates[name] / max(rates.values()):>12.2f}" for rates in columns))
    print(f"{'a second at 1.00':24} {'':>11}", *(f"{max(rates.values()):>12,.0f}" for rates in columns))


async def _rates(ways: Mapping[str, Way], count: int, at_once: int) -> Mapping[str, float]:
    rounds = [{name: await rate(way, count, at_once) for name, way in ways.items()} for _ in range(ROUNDS)]
    return {name: median(one[name] for one in rounds) for name in ways}


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare three ways to place a reservation.")
    parser.add_argument("--count", type=int, default=2_000, help="reservations in each round")
    options = parser.parse_args()
    with own_database() as url:
        asyncio.run(_prepare(url))
        asyncio.run(compare(url, [f"SKU-{n}" for n in range(1, 101)], options.count))


async def _prepare(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE EXTENSION pg_stat_statements")
    await connection.close()


if __name__ == "__main__":
    main()
