"""Something to look at: three accounts, two warehouses, a small shop. Running it again changes only passwords that were lost.

    python -m deploy.local.seed

It needs the environment of the stack.
"""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.local.credentials import ROLES, Credentials, load
from deploy.local.places import PLACES
from services.inventory.accounts import commands as accounts
from services.inventory.accounts import store as account_store
from services.inventory.accounts.model import AccountId, Role
from services.inventory.accounts.passwords import Passwords
from services.inventory.catalog import commands as catalog
from services.inventory.catalog import store as catalog_store
from services.inventory.catalog.model import NewProduct, NewWarehouse
from services.inventory.stock import commands as stock
from services.inventory.stock import moving
from services.inventory.stock.model import Adjustment, Entry, OnError, Reason, StockSettings
from services.runtime.database import Database
from services.runtime.preconditions import Precondition
from services.runtime.resources import open_resources
from services.runtime.settings import Settings, load_settings

WAREHOUSES = (NewWarehouse("AMS", "Amsterdam", priority=10), NewWarehouse("BER", "Berlin", priority=20))

# Sku, name, category, price in cents, units in Amsterdam and in Berlin.
GOODS = (
    ("BAG-CANVAS", "Canvas bag", "bags", 1_900, 80, 35),
    ("BOTTLE-STEEL", "Steel bottle, 0.75 l", "kitchen", 2_400, 120, 60),
    ("CAP-WOOL", "Wool cap", "clothing", 1_500, 45, 0),
    ("LAMP", "Brass reading lamp", "home", 8_900, 1, 0),
    ("MUG", "Holdfast mug", "kitchen", 1_200, 250, 90),
    ("NOTEBOOK-A5", "Notebook, A5, dotted", "paper", 900, 400, 150),
    ("PEN-BRASS", "Brass pen", "paper", 3_200, 25, 10),
    ("POSTER-A2", "Poster, A2", "paper", 1_400, 0, 0),
    ("SOCKS-42", "Merino socks, 42", "clothing", 1_100, 140, 70),
    ("TEE-L", "Holdfast tee, L", "clothing", 2_200, 90, 40),
    ("TEE-M", "Holdfast tee, M", "clothing", 2_200, 200, 60),
    ("TEE-S", "Holdfast tee, S", "clothing", 2_200, 4, 2),
)
LOW_STOCK_AT = 5


async def seed(settings: Settings, credentials: Credentials) -> None:
    """Make what is missing of the demo data, all of it or none."""
    async with open_resources(settings, application="holdfast-seed") as resources:
        with Passwords(settings) as passwords:
            await asyncio.gather(*(_account(resources.database, passwords, credentials, Role(role)) for role in ROLES))
        await resources.database.transact(_shop, credentials.staff.email)


async def _account(database: Database, passwords: Passwords, credentials: Credentials, role: Role) -> None:
    login = credentials.of(role.value)
    known = await database.autocommit(account_store.find_credentials, login.email)
    if known is not None and await passwords.matches(login.password, known[1]):
        return
    password_hash = await passwords.hash(login.password)
    if known is not None:  # .run/credentials.json was lost, the database was not
        await database.transact(accounts.set_password, known[0].account_id, password_hash=password_hash)
    else:
        name = f"Demo {role}"
        await database.transact(accounts.create_account, email=login.email, full_name=name, role=role, password_hash=password_hash)


async def _shop(connection: AsyncConnection, staff_email: str) -> None:
    if await catalog_store.find_warehouse(connection, WAREHOUSES[0].code) is not None:
        return
    for warehouse in WAREHOUSES:
        await catalog.create_warehouse(connection, warehouse)
    for sku, name, category, price_minor, *_ in GOODS:
        await catalog.create_product(connection, NewProduct(sku, name, category=category, price_minor=price_minor, currency="EUR"))
    staff = await account_store.find_credentials(connection, staff_email)
    assert staff is not None  # noqa: S101  # made above
    await _stock_up(connection, staff[0].account_id)


async def _stock_up(connection: AsyncConnection, staff_id: AccountId) -> None:
    settings = StockSettings(safety_stock=0, backorder_limit=0, low_stock_at=LOW_STOCK_AT)
    deliveries: list[Adjustment] = []
    for sku, _, _, _, *units in GOODS:
        for warehouse, count in zip(WAREHOUSES, units, strict=True):
            await stock.configure_item(connection, sku, warehouse.code, settings, Precondition(must_be_absent=True))
            deliveries += [Adjustment(sku, warehouse.code, count)] if count else []
    await moving.adjust(
        connection, deliveries, on_error=OnError.REJECT_ALL, entry=Entry(Reason.RECEIPT, "opening stock", actor=str(staff_id))
    )


if __name__ == "__main__":
    asyncio.run(seed(load_settings(), load(PLACES.credentials)))
