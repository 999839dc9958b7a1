"""Every statement about accounts."""

from sqlalchemy import RowMapping, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.errors import EmailTaken
from services.inventory.accounts.model import Account, AccountId, Role
from services.inventory.accounts.tables import accounts
from services.runtime.database import constraint_name

_columns = (accounts.c.account_id, accounts.c.email, accounts.c.full_name, accounts.c.role, accounts.c.is_disabled)
_INSERT = insert(accounts)
_GET = select(*_columns).where(accounts.c.account_id == bindparam("account_id"))
_FIND_CREDENTIALS = select(*_columns, accounts.c.password_hash).where(accounts.c.email == bindparam("email"))
_SET_PASSWORD = update(accounts).where(accounts.c.account_id == bindparam("of_account"))


async def add(connection: AsyncConnection, account: Account, *, password_hash: str) -> None:
    """Insert the account. Refuses: EmailTaken."""
    values = {
        "account_id": account.account_id,
        "email": account.email,
        "full_name": account.full_name,
        "role": account.role.value,
        "is_disabled": account.is_disabled,
        "password_hash": password_hash,
    }
    try:
        await connection.execute(_INSERT, values)
    except IntegrityError as error:
        if constraint_name(error) == "an_email_has_one_account":
            raise EmailTaken from error
        raise


async def get(connection: AsyncConnection, account_id: AccountId) -> Account:
    """The account, which is known to exist."""
    return _account((await connection.execute(_GET, {"account_id": account_id})).mappings().one())


async def find_credentials(connection: AsyncConnection, email: str) -> tuple[Account, str] | None:
    """The account of a normalised address with its password hash, which must go no further than the check."""
    row = (await connection.execute(_FIND_CREDENTIALS, {"email": email})).mappings().one_or_none()
    return (_account(row), row["password_hash"]) if row else None


async def set_password_hash(connection: AsyncConnection, account_id: AccountId, password_hash: str) -> None:
    await connection.execute(_SET_PASSWORD, {"of_account": account_id, "password_hash": password_hash})


def _account(row: RowMapping) -> Account:
    return Account(
        account_id=row["account_id"],
        email=row["email"],
        full_name=row["full_name"],
        role=Role(row["role"]),
        is_disabled=row["is_disabled"],
    )
