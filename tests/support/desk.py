"""A desk at which orders for one thing are placed: who comes while somebody is served queues."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest_asyncio

from services.inventory.reservations import placing
from services.inventory.reservations.batching import Batches, open_batches
from services.inventory.reservations.model import Order, OrderLine, Placed
from services.runtime.idempotency import IdempotencyKey
from tests.support.database import Database
from tests.support.eventually import until_blocked
from tests.support.shop import Shop

LAMP = Order((OrderLine("LAMP", 1, "AMS"),))
SIT_ON_LEVEL = "SELECT FROM stock_levels FOR UPDATE"

Asked = tuple[IdempotencyKey, Order]
Heard = Placed | BaseException


class Desk:
    """Where orders for lamps are placed, one customer's."""

    def __init__(self, shop: Shop, database: Database, batches: Batches) -> None:
        self.batches = batches
        self._shop = shop
        self._database = database

    def lamps(self, count: int, order: Order = LAMP) -> list[Asked]:
        """So many orders, each with a key of its own."""
        return [(self._shop.key(), order) for _ in range(count)]

    def come(self, *asked: Asked) -> list[asyncio.Task[Placed]]:
        return [asyncio.create_task(placing.place(self._shop.ours, key, order, batches=self.batches)) for key, order in asked]

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[asyncio.Task[Placed]]:
        """Somebody is being served until the end of the context: who comes in it queues."""
        async with self._database.transaction() as keeper:
            await keeper.execute(SIT_ON_LEVEL)
            [first] = self.come(*self.lamps(1))
            await until_blocked(self._database)
            yield first

    async def queue(self, *asked: Asked) -> list[Heard]:
        """What each of them hears who have queued behind somebody."""
        async with self.busy() as first:
            coming = self.come(*asked)
            await asyncio.sleep(0)  # they stand in the queue
        await first
        return await asyncio.gather(*coming, return_exceptions=True)

    @property
    def sizes(self) -> list[float]:
        """Of the batches so far, each as the bucket that it falls into."""
        found, before = list[float](), 0.0
        for bound, count in self.batches.sizes.buckets():
            found += [float(bound)] * int(count - before)
            before = count
        return found


@pytest_asyncio.fixture
async def batches(shop: Shop) -> AsyncIterator[Batches]:
    async with open_batches(shop.ours) as opened:
        yield opened


@pytest_asyncio.fixture
async def desk(shop: Shop, database: Database, batches: Batches) -> Desk:
    """There are 100 lamps; the first is for whoever is being served."""
    await shop.warehouse("AMS")
    await shop.product("LAMP")
    await shop.stock("LAMP", "AMS", 100)
    return Desk(shop, database, batches)


def tally(heard: Sequence[Heard]) -> Counter[type]:
    return Counter(type(one) for one in heard)


async def held(database: Database) -> int:
    [(units,)] = await database.rows("SELECT held FROM stock_levels")
    return int(units)
