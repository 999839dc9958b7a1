"""What can be done with an account."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts import store
from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.model import Account, AccountId, Role, normalise_email
from services.inventory.accounts.passwords import Passwords
from services.inventory.accounts.permissions import Caller
from services.runtime.database import Database
from services.runtime.ids import new_id


async def create_account(connection: AsyncConnection, *, email: str, full_name: str, role: Role, password_hash: str) -> Account:
    """A new account that may sign in. Refuses: EmailTaken."""
    account = Account(AccountId(new_id()), normalise_email(email), full_name, role, is_disabled=False)
    await store.add(connection, account, password_hash=password_hash)
    return account


async def set_password(connection: AsyncConnection, account_id: AccountId, *, password_hash: str) -> None:
    """Replace the password of an account."""
    await store.set_password_hash(connection, account_id, password_hash)


async def sign_in(database: Database, passwords: Passwords, *, email: str, password: str) -> Caller:
    """Who this is, if the password is theirs.

    Takes a Database and not a connection: none may be held during the third of a second that the check costs.
    Refuses: NotSignedIn, after the same time for an unknown address, a wrong password and a disabled account.
    """
    found = await database.autocommit(store.find_credentials, normalise_email(email))
    is_right = await passwords.matches(password, found[1] if found else None)
    if found is None or not is_right or found[0].is_disabled:
        raise NotSignedIn
    return Caller(found[0].account_id, found[0].role)
