"""Ten thousand people want one of five hundred units, all in the same few seconds; others go on looking at the shop."""

import asyncpg

from services.inventory.accounts.model import Role
from services.inventory.accounts.permissions import Caller
from services.runtime.database import open_database
from services.runtime.ids import new_id
from tests.load.lab.arrivals import Plan, driving, get
from tests.load.lab.ground import WAREHOUSE, sku, tokens
from tests.load.lab.mix import READ, reserve
from tests.load.lab.scenes.buyers import buyers
from tests.load.lab.scenes.stage import Clock, Played, Stage
from tests.load.lab.tallies import REFUSED, Tally, quantile_ms
from tests.support import shop
from tests.support.crowd import account_of_crowd
from tests.support.settings import settings

UNITS = 500
BUYERS = 10_000
RUSH_SECONDS = 8.0  # in which they come: 1,250 a second, more than one row takes one by one
OPENS_AT = 2.0
SECONDS = 14.0
LOOKS_PER_SECOND = 200
CONNECTIONS = 1_500  # of the buyers: as many can wait for an answer at once
WAIT_SECONDS = 1.0  # for one of these; who gets none is somebody whom the shop never heard of
SOLD_OUT = 409

_SOLD = """
    SELECT coalesce(sum(quantity), 0)
      FROM reservation_lines JOIN stock_items USING (item_id) JOIN products USING (product_id) WHERE sku = $1
"""


async def play_batched(stage: Stage) -> Played:
    return await _play(stage)


async def play_one_by_one(stage: Stage) -> Played:
    return await _play(stage, batching="off")


async def _play(stage: Stage, **chosen: str) -> Played:
    hot = f"FLASH-{new_id().hex[-8:]}".upper()
    await _put_on_sale(stage, hot)
    crowd_tokens = await buyers(stage.stack, BUYERS)
    async with stage.stack.api(workers=2, settings=chosen) as api:
        looks = [get(READ, f"/v1/products/{sku(number)}", token) for number, token in enumerate(await tokens(stage.stack), start=1)]
        looking = Plan(port=api.port, asks=looks, rps=LOOKS_PER_SECOND, seconds=SECONDS, connections=32, source="127.0.0.2")
        buying = Plan(
            port=api.port,
            asks=[reserve(hot, token) for token in crowd_tokens],
            rps=BUYERS / RUSH_SECONDS,
            seconds=RUSH_SECONDS,
            after_seconds=OPENS_AT,
            is_poisson=False,  # so that each of them asks once
            connections=CONNECTIONS,
            wait_seconds=WAIT_SECONDS,
        )
        async with driving(looking, buying, leash=stage.stack.leash) as going:
            clock = Clock(going.began)
            await clock.until(OPENS_AT)
            clock.mark(f"the sale opens: {UNITS} units, and {BUYERS:,} buyers within {RUSH_SECONDS:.0f} s")
            lookers, crowd = await going.finish()
    timeline = crowd.timeline(client="buyers", refused=REFUSED | {SOLD_OUT}) + lookers.timeline(client="people who look at other products")
    return Played(timeline, await _figures(stage, hot, lookers, crowd), crowd.statuses().get(201, 0), clock.marks)


async def _put_on_sale(stage: Stage, hot: str) -> None:
    async with open_database(settings(stage.stack.where), application="lab") as database:
        seller = shop.Shop(database, Caller(account_of_crowd(1), Role.CUSTOMER))
        await seller.product(hot)
        await seller.stock(hot, WAREHOUSE, UNITS)


async def _figures(stage: Stage, hot: str, lookers: Tally, crowd: Tally) -> dict[str, float]:
    statuses = crowd.statuses()
    turned_away = sum(statuses.get(status, 0) for status in REFUSED)
    connection = await asyncpg.connect(stage.stack.where.database_url)
    sold = await connection.fetchval(_SOLD, hot)
    await connection.close()
    answered = [due + latency for status, due, latency in zip(crowd.status, crowd.due, crowd.latency, strict=True) if status == 201]
    return {
        "units sold": sold,
        "sold out after, s": max(answered, default=OPENS_AT) - OPENS_AT,
        "were told that it is sold out": statuses.get(SOLD_OUT, 0),
        "were told to come back": turned_away,
        "had no answer": len(crowd) - statuses.get(201, 0) - statuses.get(SOLD_OUT, 0) - turned_away,
        "p99 of every answer to a buyer, ms": quantile_ms(sorted(crowd.latency), 0.99) or 0.0,
        "p99 of those who look, ms": lookers.latencies().p99_ms,
    }
