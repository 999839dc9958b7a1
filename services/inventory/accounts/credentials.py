"""Opening an account, proving an address, and passwords that are forgotten or changed.

These take a Database and not a connection: a password is hashed for a third of a second, and none may be held meanwhile. Nobody
learns here whether an address has an account: not from an answer, and not from the time that it takes.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts import audit, commands, store
from services.inventory.accounts.errors import TokenInvalid, WrongPassword
from services.inventory.accounts.events import AccountRegistered, AccountRegisteredAgain, MailWithheld, PasswordForgotten
from services.inventory.accounts.model import AccountId, Action, AuditEntry, Origin, Outcome, Purpose, normalise_email
from services.inventory.accounts.opaque import hash_token, new_token
from services.inventory.accounts.passwords import Passwords, refuse_weak
from services.inventory.accounts.permissions import Caller
from services.runtime import outbox
from services.runtime.database import Database
from services.runtime.ids import new_id


async def register(database: Database, passwords: Passwords, *, email: str, password: str, full_name: str, origin: Origin) -> None:
    """Let whoever reads this mailbox open an account with this password. Refuses: WeakPassword, TooManySignIns."""
    refuse_weak(password)
    password_hash = await passwords.hash(password)
    await database.transact(_register, normalise_email(email), password_hash, full_name, origin)


async def verify_email(connection: AsyncConnection, *, token: str, origin: Origin) -> None:
    """Open the account of whoever followed the link. Refuses: TokenInvalid."""
    account_id = await _use(connection, Purpose.VERIFY_EMAIL, token)
    await store.mark_verified(connection, account_id)
    await audit.append(connection, AuditEntry(Action.VERIFY_EMAIL, Outcome.SUCCESS, account_id, account_id, origin.ip))


async def forget_password(connection: AsyncConnection, *, email: str, origin: Origin) -> None:
    """Mail a link to whoever has an account at this address, and nothing to anybody else. The same writes for both."""
    account = await store.find_by_email(connection, normalise_email(email))
    is_known = account is not None and account.may_sign_in
    outcome, subject = Outcome.SUCCESS if is_known else Outcome.DENIED, account.account_id if account else None
    await audit.append(connection, AuditEntry(Action.FORGET_PASSWORD, outcome, None, subject, origin.ip))
    await outbox.append(connection, PasswordForgotten(account.account_id) if account and is_known else MailWithheld(new_id()))


async def reset_password(database: Database, passwords: Passwords, *, token: str, new_password: str, origin: Origin) -> None:
    """Give the account of whoever followed the link another password, and end its sessions. Refuses: WeakPassword, TokenInvalid."""
    refuse_weak(new_password, member="new_password")
    # Before the hash: a guessed token must not cost a third of a second.
    await database.autocommit(_look_up, Purpose.RESET_PASSWORD, token)
    await database.transact(_reset, token, await passwords.hash(new_password), origin)


async def change_password(
    database: Database, passwords: Passwords, caller: Caller, *, current_password: str, new_password: str, origin: Origin
) -> None:
    """Give the caller another password and end their other sessions. Refuses: WeakPassword, WrongPassword, TooManySignIns."""
    refuse_weak(new_password, member="new_password")
    checked_hash = await database.autocommit(store.get_password_hash, caller.account_id)
    if not await passwords.matches(current_password, checked_hash):
        await database.transact(
            audit.append, AuditEntry(Action.CHANGE_PASSWORD, Outcome.FAILURE, caller.account_id, caller.account_id, origin.ip)
        )
        raise WrongPassword
    password_hash = await passwords.hash(new_password)
    await database.transact(_change, caller, checked_hash=checked_hash, password_hash=password_hash, origin=origin)


async def make_mail_token(connection: AsyncConnection, account_id: AccountId, purpose: Purpose) -> str:
    """The token of a link that is being mailed now. Only its hash is kept; links that were mailed before stay good as long as they were."""
    token = new_token()
    await store.add_mail_token(connection, account_id, purpose, hash_token(token))
    return token


async def _register(connection: AsyncConnection, email: str, password_hash: str, full_name: str, origin: Origin) -> None:
    registered = await store.register(connection, AccountId(new_id()), email=email, full_name=full_name, password_hash=password_hash)
    # As many statements on either way: the time that the answer takes must not tell them apart.
    if registered is not None:
        await store.forget_mail_tokens(connection, registered, Purpose.VERIFY_EMAIL)  # they were for another password
        await outbox.append(connection, AccountRegistered(registered))
        await audit.append(connection, AuditEntry(Action.REGISTER, Outcome.SUCCESS, None, registered, origin.ip))
        return
    known = await store.find_by_email(connection, email)
    await outbox.append(connection, AccountRegisteredAgain(known.account_id) if known and known.may_sign_in else MailWithheld(new_id()))
    await audit.append(connection, AuditEntry(Action.REGISTER, Outcome.DENIED, None, known.account_id if known else None, origin.ip))


async def _reset(connection: AsyncConnection, token: str, password_hash: str, origin: Origin) -> None:
    account_id = await _use(connection, Purpose.RESET_PASSWORD, token)
    await commands.set_password(connection, account_id, password_hash=password_hash, origin=origin, actor_id=account_id)


async def _change(connection: AsyncConnection, caller: Caller, *, checked_hash: str, password_hash: str, origin: Origin) -> None:
    account_id = caller.account_id
    found = await store.lock(connection, account_id)
    if found is None or found[1] != checked_hash:  # the owner has another since the check: whoever knew the old one is locked out
        raise WrongPassword
    await commands.set_password(
        connection,
        account_id,
        password_hash=password_hash,
        origin=origin,
        action=Action.CHANGE_PASSWORD,
        actor_id=account_id,
        keep=caller.session_id,
    )


async def _use(connection: AsyncConnection, purpose: Purpose, token: str) -> AccountId:
    """Use up the token: of two who use it at once one is refused. Locks the account. Refuses: TokenInvalid."""
    account_id = await _look_up(connection, purpose, token)
    found = await store.lock(connection, account_id)
    await _look_up(connection, purpose, token)  # under the lock: another may have used it meanwhile
    if found is None or found[0].is_disabled:
        raise TokenInvalid
    await store.forget_mail_tokens(connection, account_id, purpose)
    return account_id


async def _look_up(connection: AsyncConnection, purpose: Purpose, token: str) -> AccountId:
    account_id = await store.find_mail_token(connection, purpose, hash_token(token))
    if account_id is None:
        raise TokenInvalid
    return account_id
