"""Something to look at: accounts, a shop, and what has happened in it. Running it again changes only passwords that were lost.

    python -m deploy.local.seed

It needs the environment of the stack. All of it goes through the commands of the business, in one transaction, so counters, ledger and
outbox agree as they do after any other day.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.local.credentials import ROLES, Credentials, Login, load
from deploy.local.demo_catalogue import ARCHIVED, BER, CLOSED, WAREHOUSES, articles
from deploy.local.demo_orders import CORRECTIONS
from deploy.local.demo_story import happen
from deploy.local.places import PLACES
from services.inventory.accounts import commands as accounts
from services.inventory.accounts import store as account_store
from services.inventory.accounts.model import Origin, Role
from services.inventory.accounts.passwords import Passwords
from services.inventory.accounts.permissions import Caller
from services.inventory.catalog import commands as catalog
from services.inventory.catalog import store as catalog_store
from services.inventory.reservations import archiving
from services.inventory.stock import moving
from services.inventory.stock import store as stock_store
from services.inventory.stock.model import Adjustment, Entry, ItemId, OnError, Reason, Transfer
from services.runtime.database import Database
from services.runtime.ids import new_id
from services.runtime.preconditions import Precondition
from services.runtime.resources import open_resources
from services.runtime.settings import Settings, load_settings

ANY_VERSION = Precondition(is_any_version=True)


async def seed(settings: Settings, credentials: Credentials) -> None:
    """Make what is missing of the demo data, all of it or none."""
    async with open_resources(settings, application="holdfast-seed") as resources:
        with Passwords(settings) as passwords:
            roles = [_accounts(resources.database, passwords, [credentials.of(role)], Role(role)) for role in ROLES]
            await asyncio.gather(*roles, _accounts(resources.database, passwords, credentials.regulars, Role.CUSTOMER))
        await resources.database.transact(_shop, credentials)


async def _accounts(database: Database, passwords: Passwords, logins: Sequence[Login], role: Role) -> None:
    """Accounts with one password, which is hashed or checked once for all of them: that is slow on purpose."""
    if not logins:
        return
    known = [(await database.autocommit(account_store.find_credentials, login.email, ip=None))[0] for login in logins]
    kept = next((found[1] for found in known if found is not None), None)
    if kept is None or not await passwords.matches(logins[0].password, kept):
        kept = await passwords.hash(logins[0].password)
    for login, found in zip(logins, known, strict=True):
        if found is None:
            name = f"Demo {login.email.partition('@')[0]}"
            await database.transact(accounts.create_account, email=login.email, full_name=name, role=role, password_hash=kept)
        elif found[1] != kept:  # .run/credentials.json was lost, the database was not
            await database.transact(accounts.set_password, found[0].account_id, password_hash=kept, origin=Origin())


async def _shop(connection: AsyncConnection, credentials: Credentials) -> None:
    if await catalog_store.find_warehouse(connection, WAREHOUSES[0].code) is not None:
        return
    staff = await _caller(connection, credentials.staff.email)
    actor = str(staff.account_id)
    await _stock_up(connection, actor)
    await _correct(connection, actor)
    await _close_oslo(connection, actor)
    await happen(connection, customer=await _caller(connection, credentials.customer.email), staff=staff)
    for sku in ARCHIVED:
        await archiving.archive_product(connection, sku, ANY_VERSION)


async def _caller(connection: AsyncConnection, email: str) -> Caller:
    found, _ = await account_store.find_credentials(connection, email, ip=None)
    assert found is not None  # noqa: S101  # made above
    return Caller(found[0].account_id, found[0].role)


async def _stock_up(connection: AsyncConnection, actor: str) -> None:
    warehouses = {new.code: await catalog.create_warehouse(connection, new) for new in WAREHOUSES}
    deliveries = defaultdict[str, list[Adjustment]](list)
    for article in articles():
        product = await catalog.create_product(connection, article.product)
        for code, count in article.units.items():
            # Not configure_item, which would look up again what we have in our hands.
            await stock_store.add_item(connection, ItemId(new_id()), product, warehouses[code], article.settings)
            deliveries[code] += [Adjustment(product.sku, code, count)] if count else []
    for delivered in deliveries.values():
        await _adjust(connection, delivered, Entry(Reason.RECEIPT, "opening stock", actor))


async def _correct(connection: AsyncConnection, actor: str) -> None:
    for reason, reference, sku, warehouse, delta in CORRECTIONS:
        await _adjust(connection, [Adjustment(sku, warehouse, delta)], Entry(reason, reference, actor))


async def _adjust(connection: AsyncConnection, adjustments: list[Adjustment], entry: Entry) -> None:
    await moving.adjust(connection, adjustments, on_error=OnError.REJECT_ALL, entry=entry)


async def _close_oslo(connection: AsyncConnection, actor: str) -> None:
    left = [Transfer(article.product.sku, article.units[CLOSED]) for article in articles() if CLOSED in article.units]
    await moving.transfer(connection, CLOSED, BER, left, entry=Entry(Reason.TRANSFER_OUT, "Oslo closes", actor))
    await archiving.archive_warehouse(connection, CLOSED, ANY_VERSION)


if __name__ == "__main__":
    asyncio.run(seed(load_settings(), load(PLACES.credentials)))
