"""The ground that a measurement stands on: a PostgreSQL server of its own, settings as shipped, and nothing left of it afterwards."""

import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.access import Access
from services.inventory.accounts.model import Role, SessionId
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.tables import accounts
from services.inventory.accounts.tokens import Tokens
from services.inventory.reservations.model import Order, OrderLine
from services.runtime.database import Database, open_database
from services.runtime.idempotency import IdempotencyKey
from services.runtime.ids import new_id
from services.runtime.settings import Settings
from tests.support.crowd import account_of_crowd
from tests.support.database import migrate
from tests.support.leash import Leash
from tests.support.servers import embedded_postgres
from tests.support.settings import Where, settings
from tests.support.shop import Shop

WAREHOUSE = "AMS"
CONNECTIONS = 16
CUSTOMERS = 1_000
_ENOUGH = 1_000_000_000


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of a migrated database that writes what it says it wrote. Its files lie in the folder for temporary files (TMPDIR)."""
    leash = Leash()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-load-"))
    leash.remove_in_the_end(folder)
    try:
        with embedded_postgres(folder, leash, is_durable=True) as url:
            migrate(url)
            yield url
    finally:
        leash.close()


@dataclass(frozen=True, slots=True)
class LoadedShop:
    """More of everything than can be sold, and so many customers that nobody holds much."""

    ours: Database
    skus: Sequence[str]

    def order(self, number: int) -> tuple[IdempotencyKey, Order]:
        """One unit, each time of the next sku and for the next customer."""
        key = IdempotencyKey(account_of_crowd(1 + number % CUSTOMERS), str(new_id()), b"as sent")
        return key, Order((OrderLine(self.skus[number % len(self.skus)], 1, WAREHOUSE),))


@asynccontextmanager
async def own_shop(url: str, skus: Sequence[str]) -> AsyncIterator[LoadedShop]:
    """A shop where these are sold. Its sessions end with it, and tell PostgreSQL what they counted."""
    chosen = settings(Where(database_url=url), database_pool_size=str(CONNECTIONS))
    async with open_database(chosen, application="load") as ours:
        for customer in range(1, CUSTOMERS + 1):
            await ours.transact(_join, customer)
        shop = Shop(ours, Caller(account_of_crowd(1), Role.CUSTOMER))
        await shop.warehouse(WAREHOUSE)
        for sku in skus:
            await shop.product(sku)
            await shop.stock(sku, WAREHOUSE, _ENOUGH)
        yield LoadedShop(ours, skus)


async def tokens_of_crowd(ours: Database, chosen: Settings, count: int) -> list[str]:
    """A new access token for each of the first so many."""
    access, now = Access(ours, Tokens(chosen)), datetime.now(UTC)
    callers = [Caller(account_of_crowd(number), Role.CUSTOMER, SessionId(new_id())) for number in range(1, count + 1)]
    return [(await access.issue(caller, issued_at=now)).text for caller in callers]


async def _join(connection: AsyncConnection, number: int) -> None:
    values = {"account_id": account_of_crowd(number), "email": f"{number}@example.com", "full_name": "Load", "role": Role.CUSTOMER}
    await connection.execute(insert(accounts).values(**values, password_hash=""))
