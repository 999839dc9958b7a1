"""Every statement about accounts and the tokens of mailed links."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import timedelta

from sqlalchemy import ARRAY, RowMapping, Text, Uuid, bindparam, delete, exists, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.errors import EmailTaken
from services.inventory.accounts.model import MAIL_TOKEN_SECONDS, Account, AccountId, Purpose, Role
from services.inventory.accounts.tables import accounts, mail_tokens, sessions
from services.runtime.database import constraint_name
from services.runtime.housekeeping import delete_older

NO_HASH = "*"  # no hash: whatever is typed, it does not match

COLUMNS = tuple(accounts.c[field.name] for field in fields(Account))
_of_account = accounts.c.account_id == bindparam("of_account")
_ADD = insert(accounts).values(verified_at=func.clock_timestamp()).returning(*COLUMNS)
_register = upsert(accounts)
# Who registers an address that nobody verified takes its place: whoever reads the mailbox decides which of them it is.
_REGISTER = _register.on_conflict_do_update(
    constraint="an_email_has_one_account",
    set_={
        "full_name": _register.excluded.full_name,
        "password_hash": _register.excluded.password_hash,
        "created_at": func.clock_timestamp(),  # its time begins anew: see forget_unverified_accounts
    },
    where=accounts.c.verified_at.is_(None) & ~accounts.c.is_disabled,
).returning(accounts.c.account_id)
_ids, _emails = bindparam("ids", type_=ARRAY(Uuid)), bindparam("emails", type_=ARRAY(Text))
_new = func.unnest(_ids, _emails).table_valued("account_id", "email", name="new").render_derived()
_ADD_WITHOUT_PASSWORD = (
    upsert(accounts)
    .from_select(
        ["account_id", "email", "full_name", "role", "password_hash", "verified_at"],
        select(
            _new.c.account_id,
            _new.c.email,
            bindparam("full_name", type_=Text),
            literal(Role.CUSTOMER.value),
            literal(NO_HASH),
            func.clock_timestamp(),
        ),
    )
    .on_conflict_do_nothing(constraint="an_email_has_one_account")
)
_FIND_WITHOUT_PASSWORD = (
    select(*COLUMNS)
    .where(accounts.c.email == func.any(_emails), accounts.c.password_hash == NO_HASH)
    .where(~accounts.c.is_disabled)
    .order_by(accounts.c.email)
)
_FIND = select(*COLUMNS).where(_of_account)
_FIND_BY_EMAIL = select(*COLUMNS).where(accounts.c.email == bindparam("of_email"))
# A session is forgotten when it has not been used for thirty days: as long is its address familiar.
_is_familiar = exists().where(sessions.c.account_id == accounts.c.account_id, sessions.c.ip == bindparam("from_ip")).label("is_familiar")
_FIND_CREDENTIALS = select(*COLUMNS, accounts.c.password_hash, _is_familiar).where(accounts.c.email == bindparam("of_email"))
_LOCK = select(*COLUMNS, accounts.c.password_hash).where(_of_account).with_for_update(key_share=True)
_LOCK_ADMINS = (
    select(accounts.c.account_id)
    .where(accounts.c.role == literal(Role.ADMIN.value, literal_execute=True), ~accounts.c.is_disabled, accounts.c.verified_at.is_not(None))
    .order_by(accounts.c.account_id)
    .with_for_update(key_share=True)
)
_OF_ROLES = (
    select(*COLUMNS)
    # Literals, not parameters: a plan for any role would read every customer.
    .where(accounts.c.role.in_(bindparam("roles", expanding=True, literal_execute=True)))
    .where(~accounts.c.is_disabled, accounts.c.verified_at.is_not(None))
    .order_by(accounts.c.account_id)
    .limit(bindparam("limit"))
)
_FIND_PASSWORD_HASH = select(accounts.c.password_hash).where(_of_account)
_SET = update(accounts).where(_of_account)
_VERIFY = _SET.values(verified_at=func.coalesce(accounts.c.verified_at, func.clock_timestamp()))

_FORGET_DEAD_TOKENS = delete(mail_tokens).where(
    mail_tokens.c.account_id == bindparam("of_account"), mail_tokens.c.expires_at <= func.clock_timestamp()
)
_ADD_TOKEN = insert(mail_tokens).values(expires_at=func.clock_timestamp() + timedelta(seconds=MAIL_TOKEN_SECONDS))
_is_this = (mail_tokens.c.token_hash == bindparam("of_hash")) & (mail_tokens.c.purpose == bindparam("of_purpose"))
_FIND_TOKEN = select(mail_tokens.c.account_id).where(_is_this, mail_tokens.c.expires_at > func.clock_timestamp())
_FORGET_TOKENS = delete(mail_tokens).where(
    mail_tokens.c.account_id == bindparam("of_account"), mail_tokens.c.purpose == bindparam("of_purpose")
)


async def add(connection: AsyncConnection, account_id: AccountId, *, email: str, full_name: str, role: Role, password_hash: str) -> Account:
    """Insert an account that may sign in. Refuses: EmailTaken."""
    values = {"account_id": account_id, "email": email, "full_name": full_name, "role": role.value, "password_hash": password_hash}
    try:
        return account_of((await connection.execute(_ADD, values)).mappings().one())
    except IntegrityError as error:
        if constraint_name(error) == "an_email_has_one_account":
            raise EmailTaken from error
        raise


async def add_without_password(connection: AsyncConnection, emails: Mapping[AccountId, str], *, full_name: str) -> int:
    """Insert customers whom no password signs in, in one statement, but for addresses that have an account; how many."""
    values = {"ids": list(emails), "emails": list(emails.values()), "full_name": full_name}
    return (await connection.execute(_ADD_WITHOUT_PASSWORD, values)).rowcount


async def find_without_password(connection: AsyncConnection, emails: Sequence[str]) -> Sequence[Account]:
    """Whom of these addresses no password signs in and nobody disabled, in the order of their addresses."""
    return [account_of(row) for row in (await connection.execute(_FIND_WITHOUT_PASSWORD, {"emails": emails})).mappings()]


async def register(
    connection: AsyncConnection, account_id: AccountId, *, email: str, full_name: str, password_hash: str
) -> AccountId | None:
    """Insert an account that nobody verified yet, or take the place of such a one; its id. None if the address has an account."""
    values = {"account_id": account_id, "email": email, "full_name": full_name, "role": Role.CUSTOMER.value, "password_hash": password_hash}
    registered: AccountId | None = (await connection.execute(_REGISTER, values)).scalar_one_or_none()
    return registered


async def find(connection: AsyncConnection, account_id: AccountId) -> Account | None:
    row = (await connection.execute(_FIND, {"of_account": account_id})).mappings().one_or_none()
    return account_of(row) if row else None


async def get(connection: AsyncConnection, account_id: AccountId) -> Account:
    """The account, which is known to exist."""
    return account_of((await connection.execute(_FIND, {"of_account": account_id})).mappings().one())


async def find_by_email(connection: AsyncConnection, email: str) -> Account | None:
    """The account of a normalised address."""
    row = (await connection.execute(_FIND_BY_EMAIL, {"of_email": email})).mappings().one_or_none()
    return account_of(row) if row else None


async def find_credentials(connection: AsyncConnection, email: str, *, ip: str | None) -> tuple[tuple[Account, str] | None, bool]:
    """The account of a normalised address with its password hash, which must go no further than the check.

    And whether somebody signed in to it from this IP address in the last thirty days.
    """
    row = (await connection.execute(_FIND_CREDENTIALS, {"of_email": email, "from_ip": ip})).mappings().one_or_none()
    return ((account_of(row), row["password_hash"]), row["is_familiar"]) if row else (None, False)


async def get_password_hash(connection: AsyncConnection, account_id: AccountId) -> str:
    """Of an account that is known to exist; it must go no further than the check."""
    password_hash: str = (await connection.execute(_FIND_PASSWORD_HASH, {"of_account": account_id})).scalar_one()
    return password_hash


async def lock(connection: AsyncConnection, account_id: AccountId) -> tuple[Account, str] | None:
    """The account with its password hash, which nobody else can change, and no token be issued for, until this transaction ends."""
    row = (await connection.execute(_LOCK, {"of_account": account_id})).mappings().one_or_none()
    return (account_of(row), row["password_hash"]) if row else None


async def lock_admins(connection: AsyncConnection) -> set[AccountId]:
    """Every admin who may sign in, none of whom can be demoted by another until this transaction ends. Locked in one order."""
    return set((await connection.execute(_LOCK_ADMINS)).scalars())


async def of_roles(connection: AsyncConnection, roles: Sequence[Role], *, limit: int) -> Sequence[Account]:
    """The first accounts of these roles that may sign in. Index, for roles of the staff: accounts_of_staff."""
    rows = (await connection.execute(_OF_ROLES, {"roles": [role.value for role in roles], "limit": limit})).mappings()
    return [account_of(row) for row in rows]


async def change(connection: AsyncConnection, account_id: AccountId, changes: Mapping[str, object]) -> None:
    """Set columns of a locked account."""
    if changes:
        await connection.execute(_SET.values(**changes), {"of_account": account_id})


async def set_password_hash(connection: AsyncConnection, account_id: AccountId, password_hash: str) -> None:
    await connection.execute(_SET, {"of_account": account_id, "password_hash": password_hash})


async def mark_verified(connection: AsyncConnection, account_id: AccountId) -> None:
    await connection.execute(_VERIFY, {"of_account": account_id})


async def add_mail_token(connection: AsyncConnection, account_id: AccountId, purpose: Purpose, token_hash: bytes) -> None:
    """Keep the hash of a new token; those of the account that are over go."""
    await connection.execute(_FORGET_DEAD_TOKENS, {"of_account": account_id})
    await connection.execute(_ADD_TOKEN, {"account_id": account_id, "purpose": purpose.value, "token_hash": token_hash})


async def find_mail_token(connection: AsyncConnection, purpose: Purpose, token_hash: bytes) -> AccountId | None:
    """Whose token this is, while it is good."""
    values = {"of_hash": token_hash, "of_purpose": purpose.value}
    found: AccountId | None = (await connection.execute(_FIND_TOKEN, values)).scalar_one_or_none()
    return found


async def forget_mail_tokens(connection: AsyncConnection, account_id: AccountId, purpose: Purpose) -> None:
    """Make every link of this kind that the account was sent worthless."""
    await connection.execute(_FORGET_TOKENS, {"of_account": account_id, "of_purpose": purpose.value})


async def forget_dead_mail_tokens(connection: AsyncConnection) -> int:
    """Forget links that are over; how many."""
    return await delete_older(connection, mail_tokens.c.expires_at, than=timedelta(0))


def account_of(row: RowMapping) -> Account:
    return Account(**{column.name: row[column.name] for column in COLUMNS} | {"role": Role(row["role"])})
