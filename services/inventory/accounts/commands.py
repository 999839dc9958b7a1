"""What can be done with accounts. Each function is one unit of work inside the caller's transaction."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts import audit, revoking, sessions, store
from services.inventory.accounts.errors import AccountNotFound, LastAdmin
from services.inventory.accounts.events import PasswordChanged
from services.inventory.accounts.model import (
    Account,
    AccountId,
    Action,
    AuditEntry,
    EndReason,
    Origin,
    Outcome,
    Purpose,
    Role,
    SessionId,
    normalise_email,
)
from services.inventory.accounts.permissions import Caller
from services.runtime import outbox
from services.runtime.ids import new_id


async def create_account(connection: AsyncConnection, *, email: str, full_name: str, role: Role, password_hash: str) -> Account:
    """A new account that may sign in, opened by somebody who answers for its address. Refuses: EmailTaken."""
    account_id = AccountId(new_id())
    account = await store.add(
        connection, account_id, email=normalise_email(email), full_name=full_name, role=role, password_hash=password_hash
    )
    await audit.append(connection, AuditEntry(Action.CREATE, Outcome.SUCCESS, None, account_id, details={"role": role.value}))
    return account


async def create_without_password(connection: AsyncConnection, emails: Sequence[str], *, full_name: str) -> Sequence[Account]:
    """The customers of these addresses, made where there are none, whom no password signs in; in the order of their addresses.

    Who has a password by now, or was disabled, is left out.
    """
    made = await store.add_without_password(connection, {AccountId(new_id()): email for email in emails}, full_name=full_name)
    accounts = await store.find_without_password(connection, emails)
    # One line for all: nothing is ever deleted from the trail, and ten thousand lines would tell no more.
    details = {"role": Role.CUSTOMER.value, "without_password": str(len(accounts)), "new": str(made)}
    await audit.append(connection, AuditEntry(Action.CREATE, Outcome.SUCCESS, details=details))
    return accounts


async def set_password(
    connection: AsyncConnection,
    account_id: AccountId,
    *,
    password_hash: str,
    origin: Origin,
    action: Action = Action.RESET_PASSWORD,
    actor_id: AccountId | None = None,
    keep: SessionId | None = None,
) -> None:
    """Replace the password of an account, end its sessions but for the one to keep, and tell its owner. Locks the account.

    Links to choose another one are worthless from then on. Without an actor it was done by hand, by an operator.
    """
    await store.lock(connection, account_id)
    await store.set_password_hash(connection, account_id, password_hash)
    await store.forget_mail_tokens(connection, account_id, Purpose.RESET_PASSWORD)
    await sessions.end_all(connection, account_id, EndReason.PASSWORD, actor_id=actor_id, origin=origin, keep=keep)
    await audit.append(connection, AuditEntry(action, Outcome.SUCCESS, actor_id, account_id, origin.ip))
    await outbox.append(connection, PasswordChanged(account_id))


async def rename(connection: AsyncConnection, caller: Caller, full_name: str) -> Account:
    """Change what the caller is called."""
    await store.change(connection, caller.account_id, {"full_name": full_name})
    return await store.get(connection, caller.account_id)


async def find_account(connection: AsyncConnection, account_id: AccountId) -> Account:
    """The account. Refuses: AccountNotFound."""
    account = await store.find(connection, account_id)
    if account is None:
        raise AccountNotFound
    return account


async def change_account(
    connection: AsyncConnection, caller: Caller, account_id: AccountId, *, role: Role | None, is_disabled: bool | None, origin: Origin
) -> Account:
    """Give an account another role, or shut it or open it again. Its tokens are worth nothing from then on; a shut one's sessions end.

    Locks the admins, then the account: of two who demote each other one is refused. Refuses: AccountNotFound, LastAdmin.
    """
    admins = await store.lock_admins(connection)
    found = await store.lock(connection, account_id)
    if found is None:
        raise AccountNotFound
    account = found[0]
    changes = {
        name: value
        for name, value, old in (("role", role, account.role), ("is_disabled", is_disabled, account.is_disabled))
        if value is not None and value != old
    }
    if not changes:
        return account
    if admins == {account_id} and (changes.get("role", Role.ADMIN) is not Role.ADMIN or changes.get("is_disabled")):
        raise LastAdmin
    await store.change(connection, account_id, changes)
    await _tell(connection, caller, account, changes, origin)
    if changes.get("is_disabled"):
        await sessions.end_all(connection, account_id, EndReason.DISABLED, actor_id=caller.account_id, origin=origin)
    await revoking.revoke(connection, account_id)
    return await store.get(connection, account_id)


async def rotate_keys(connection: AsyncConnection, kid: str) -> None:
    """Let a new key sign from a few seconds on: see keys.py."""
    await revoking.add_key(connection, kid)
    await audit.append(connection, AuditEntry(Action.ROTATE_KEYS, Outcome.SUCCESS, details={"kid": kid}))


async def _tell(connection: AsyncConnection, caller: Caller, account: Account, changes: Mapping[str, object], origin: Origin) -> None:
    entries = []
    if "role" in changes:
        entries.append((Action.CHANGE_ROLE, {"from": account.role.value, "to": str(changes["role"])}))
    if "is_disabled" in changes:
        entries.append((Action.DISABLE if changes["is_disabled"] else Action.ENABLE, {}))
    for action, details in entries:
        await audit.append(connection, AuditEntry(action, Outcome.SUCCESS, caller.account_id, account.account_id, origin.ip, details))
