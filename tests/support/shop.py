"""The business without HTTP: units of work as a process runs them, and a shop to run them in."""

from collections.abc import AsyncIterator, Sequence

import pytest_asyncio

from services.inventory.accounts.model import Role
from services.inventory.accounts.permissions import Caller
from services.inventory.catalog import commands as catalog
from services.inventory.catalog.model import NewProduct, NewWarehouse
from services.inventory.reservations import placing
from services.inventory.reservations.commands import Target
from services.inventory.reservations.model import Order, OrderLine, Placed, ReservationId
from services.inventory.stock import commands as stock
from services.inventory.stock import moving
from services.inventory.stock.model import Adjustment, Entry, ItemId, Moved, OnError, Reason, StockSettings
from services.runtime.database import Database as OurDatabase
from services.runtime.database import open_database
from services.runtime.idempotency import IdempotencyKey
from services.runtime.ids import new_id
from services.runtime.preconditions import Precondition
from tests.support.database import Database
from tests.support.people import People
from tests.support.settings import Where, settings


class Shop:
    """A small business with one customer."""

    def __init__(self, ours: OurDatabase, customer: Caller) -> None:
        self.ours = ours
        self.customer = customer

    async def warehouse(self, code: str, *, priority: int = 100) -> None:
        await self.ours.transact(catalog.create_warehouse, NewWarehouse(code, f"Warehouse {code}", priority))

    async def product(self, sku: str) -> None:
        await self.ours.transact(catalog.create_product, NewProduct(sku, f"The {sku}"))

    async def stock(self, sku: str, warehouse: str, on_hand: int, *, safety_stock: int = 0, backorder_limit: int = 0) -> ItemId:
        """A stock item of a product and a warehouse that exist."""
        chosen = StockSettings(safety_stock, backorder_limit, low_stock_at=0)
        item, _ = await self.ours.transact(stock.configure_item, sku, warehouse, chosen, Precondition(must_be_absent=True))
        if on_hand:
            await self.deliver(Adjustment(sku, warehouse, on_hand))
        return item.item_id

    async def deliver(self, *adjustments: Adjustment) -> Sequence[Moved]:
        entry = Entry(Reason.RECEIPT, reference=None, actor="tests")
        moved, _ = await self.ours.transact(moving.adjust, adjustments, on_error=OnError.REJECT_ALL, entry=entry)
        return moved

    async def place(self, *lines: OrderLine, key: str | None = None, external_ref: str | None = None, hold_seconds: int = 600) -> Placed:
        """The customer's order, under a fresh key unless one is given."""
        order = Order(lines, external_ref=external_ref, hold_seconds=hold_seconds)
        return await placing.place(self.ours, self.key(key), order)

    def target(self, reservation_id: ReservationId) -> Target:
        """The reservation, for its customer to change."""
        return Target(reservation_id, self.customer)

    def key(self, key: str | None = None, *, fingerprint: bytes = b"as sent") -> IdempotencyKey:
        return IdempotencyKey(self.customer.account_id, key or str(new_id()), fingerprint)


@pytest_asyncio.fixture
async def ours(database: Database) -> AsyncIterator[OurDatabase]:
    """Where units of work run, before the test's own database."""
    async with open_database(settings(Where(database_url=database.url)), application="tests") as opened:
        yield opened


@pytest_asyncio.fixture
async def shop(ours: OurDatabase, people: People) -> Shop:
    return Shop(ours, Caller((await people.join()).account_id, Role.CUSTOMER))
