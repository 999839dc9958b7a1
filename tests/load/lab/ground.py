"""The data of a run: a big catalogue, some of it in such numbers that nobody sells it out, and buyers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg
import httpx

from deploy.local import bulk, bulk_rows
from services.inventory.stock import moving
from services.inventory.stock.model import Adjustment, Entry, OnError, Reason
from services.runtime.database import open_database
from tests.load.ground import tokens_of_crowd
from tests.load.lab.stacks import Stack
from tests.support.crowd import account_of_crowd
from tests.support.settings import Where, settings

WAREHOUSE = bulk_rows.WAREHOUSES[0].code
BUYERS = 1_000
SOLD = 1_000  # products that buyers buy: enough that the first of a skewed crowd is not yet a queue
PAGES = 200  # of the list of all products, fifty each
_EACH = 10_000_000  # more than all runs of a day reserve
_IN_ONE_DELIVERY = 250
_ARCHIVED_EVERY = 50  # as bulk_rows has it

_ACCOUNTS = """
    INSERT INTO accounts (account_id, email, full_name, role, password_hash, verified_at)
    SELECT id, 'buyer-' || n || '@example.com', 'Buyer ' || n, 'customer', '', clock_timestamp()
      FROM unnest($1::uuid[]) WITH ORDINALITY AS made (id, n)
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    stock_items: int

    @property
    def products(self) -> int:
        return self.stock_items // len(bulk_rows.WAREHOUSES)


FULL, QUICK = Size(1_000_000), Size(100_000)


def sku(number: int) -> str:
    return f"{bulk_rows.SKU_PREFIX}{number:07}"


def sold() -> list[str]:
    """The skus that can be bought without end, the most wanted first."""
    numbers = (number for number in range(1, 2 * SOLD) if number % _ARCHIVED_EVERY)
    return [sku(number) for number, _ in zip(numbers, range(SOLD), strict=False)]


async def fill(url: str, size: Size, show: Callable[[int], None]) -> None:
    """All of it, settled: nothing that the database still owes disturbs a measurement afterwards."""
    await bulk.seed(url, size.stock_items, show=show)
    await _do(url, _ACCOUNTS, [account_of_crowd(number) for number in range(1, BUYERS + 1)])
    wanted = [Adjustment(one, WAREHOUSE, _EACH) for one in sold()]
    entry = Entry(Reason.RECEIPT, "more than anybody buys", "load lab")
    async with open_database(settings(Where(database_url=url)), application="lab") as database:
        for first in range(0, SOLD, _IN_ONE_DELIVERY):
            delivery = wanted[first : first + _IN_ONE_DELIVERY]
            await database.transact(moving.adjust, delivery, on_error=OnError.REJECT_ALL, entry=entry)
    await _do(url, "VACUUM ANALYZE")
    await _do(url, "CHECKPOINT")


async def tokens(stack: Stack) -> list[str]:
    """A new one for each buyer: they live a quarter of an hour, and a whole run takes longer."""
    chosen = settings(stack.where)
    async with open_database(chosen, application="lab") as database:
        return await tokens_of_crowd(database, chosen, BUYERS)


async def pages(url: str) -> Sequence[str]:
    """The paths of the first pages of all products, as a client finds them: each tells where the next one is."""
    found = ["/v1/products?limit=50"]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
        while len(found) < PAGES:
            answer = (await http.get(found[-1])).raise_for_status()
            if "next" not in answer.links:
                break
            found.append(answer.links["next"]["url"])
    return found


async def _do(url: str, sql: str, *arguments: object) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql, *arguments)
    finally:
        await connection.close()
