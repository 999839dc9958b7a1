"""Signing in, staying signed in, and signing out.

A session is one device. It has one refresh token at a time, which is used once: using it gives the next. Whoever uses one that was used
before has a copy, or lost the answer: within ten seconds, and for the last one only, they get the same answer again; otherwise the
session ends, because either they or the owner is a thief, and the owner is told.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts import audit, revoking, session_store, store
from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.events import SessionReused
from services.inventory.accounts.model import (
    REUSE_GRACE_SECONDS,
    USER_AGENT_LENGTH_MAX,
    AccountId,
    Action,
    AuditEntry,
    EndReason,
    Origin,
    Outcome,
    SessionId,
    normalise_email,
)
from services.inventory.accounts.opaque import hash_token, new_token
from services.inventory.accounts.passwords import Passwords
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.session_store import Presented
from services.runtime import outbox
from services.runtime.database import Database
from services.runtime.ids import new_id
from services.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a device needs to go on: who it acts for, and the next refresh token."""

    caller: Caller
    refresh_token: str = field(repr=False)
    issued_at: datetime  # by the database's clock, under the locks that a revocation takes


class RefreshTokens:
    """Makes refresh tokens. Each follows from the one before, so the same answer can be given twice though only hashes are stored."""

    def __init__(self, settings: Settings) -> None:
        self._key = hmac.digest(settings.token_secret.get_secret_value().encode(), b"holdfast refresh token", hashlib.sha256)

    def first(self) -> str:
        return new_token()

    def after(self, token: str) -> str:
        return hmac.new(self._key, token.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


class Admit(Protocol):
    """Refuses who tries too often; told whether the account was signed in to from the same address lately."""

    async def __call__(self, *, is_familiar: bool) -> None: ...


async def sign_in(
    database: Database, passwords: Passwords, tokens: RefreshTokens, *, email: str, password: str, origin: Origin, admit: Admit
) -> SignedIn:
    """Open a session for whoever knows the password, if `admit` lets them try: it is asked before anything is hashed.

    Takes a Database and not a connection: none may be held during the third of a second that the check costs.
    Refuses: NotSignedIn, after the same time and the same writes for an unknown address, a wrong password, a disabled account
    and one that was never verified; TooManySignIns; what `admit` refuses with.
    """
    with passwords.turn():
        found, is_familiar = await database.autocommit(store.find_credentials, normalise_email(email), ip=origin.ip)
        await admit(is_familiar=is_familiar)
        is_right = await passwords.matches(password, found[1] if found else None)
        if found is None or not is_right or not found[0].may_sign_in:
            subject = found[0].account_id if found else None
            await database.transact(audit.append, AuditEntry(Action.SIGN_IN, Outcome.FAILURE, None, subject, origin.ip))
            raise NotSignedIn
        upgraded = await passwords.hash(password) if passwords.is_outdated(found[1]) else found[1]
        signed_in = await database.transact(
            _open, found[0].account_id, tokens.first(), checked_hash=found[1], upgraded_hash=upgraded, origin=origin
        )
    if signed_in is None:  # disabled, or another password, while this one was checked
        raise NotSignedIn
    return signed_in


async def refresh(database: Database, tokens: RefreshTokens, *, token: str, origin: Origin) -> SignedIn:
    """Use a refresh token. Of any number who use one at once, all get the same next one.

    What ends a session commits before the refusal leaves. Refuses: NotSignedIn, one answer for every reason.
    """
    signed_in = await database.transact(_rotate, hash_token(token), tokens.after(token), origin)
    if signed_in is None:
        raise NotSignedIn
    return signed_in


async def sign_out(connection: AsyncConnection, *, token: str, origin: Origin) -> None:
    """End the session of this refresh token, also of one that was used. Nothing happens for an unknown one."""
    presented = await session_store.lock_by_token(connection, hash_token(token))
    if presented is not None and presented.is_live:
        await _end(connection, presented.session_id, EndReason.LOGOUT)
        entry = AuditEntry(Action.END, Outcome.SUCCESS, presented.account_id, presented.session_id, origin.ip)
        await audit.append(connection, entry)


async def end_session(connection: AsyncConnection, caller: Caller, session_id: SessionId, *, origin: Origin) -> bool:
    """End one of the caller's sessions; whether there was one that had not ended."""
    if not await session_store.lock_own(connection, session_id, caller.account_id):
        return False
    await _end(connection, session_id, EndReason.ENDED_BY_OWNER)
    await audit.append(connection, AuditEntry(Action.END, Outcome.SUCCESS, caller.account_id, session_id, origin.ip))
    return True


async def end_all(
    connection: AsyncConnection,
    account_id: AccountId,
    reason: EndReason,
    *,
    actor_id: AccountId | None,
    origin: Origin,
    keep: SessionId | None = None,
) -> int:
    """End every session of the account, but for the one to keep; how many. Locks the account."""
    await store.lock(connection, account_id)
    ended = await session_store.end_all(connection, account_id, reason, keep=keep)
    await revoking.revoke(connection, *ended, *(() if keep is not None else (account_id,)))
    details = {"reason": reason.value, "sessions": str(len(ended))}
    await audit.append(connection, AuditEntry(Action.END_ALL, Outcome.SUCCESS, actor_id, account_id, origin.ip, details))
    return len(ended)


async def _open(
    connection: AsyncConnection, account_id: AccountId, token: str, *, checked_hash: str, upgraded_hash: str, origin: Origin
) -> SignedIn | None:
    found = await store.lock(connection, account_id)
    if found is None or not found[0].may_sign_in or found[1] != checked_hash:
        return None
    account = found[0]
    if upgraded_hash != checked_hash:
        await store.set_password_hash(connection, account_id, upgraded_hash)
    session_id = SessionId(new_id())
    issued_at = await session_store.open_session(connection, session_id, account_id, _short(origin), token_hash=hash_token(token))
    await audit.append(connection, AuditEntry(Action.SIGN_IN, Outcome.SUCCESS, account_id, session_id, origin.ip))
    return SignedIn(Caller(account_id, account.role, session_id), token, issued_at)


async def _rotate(connection: AsyncConnection, token_hash: bytes, successor: str, origin: Origin) -> SignedIn | None:
    presented = await session_store.lock_by_token(connection, token_hash)
    if presented is None:
        return None  # not in the trail: anybody can make up a million of these, and nothing is ever deleted there
    if not presented.is_live:
        await audit.append(connection, AuditEntry(Action.REFRESH, Outcome.FAILURE, None, presented.session_id, origin.ip))
        return None
    if not presented.is_current and not _is_repeated(presented):
        await _end_reused(connection, presented, origin)
        return None
    if presented.is_current:
        await session_store.rotate(connection, presented, next_hash=hash_token(successor))
    issued_at = await session_store.touch(connection, presented.session_id, _short(origin))
    return SignedIn(Caller(presented.account_id, presented.role, presented.session_id), successor, issued_at)


def _is_repeated(presented: Presented) -> bool:
    """Whether it is the last one but the current, used so lately that its answer may have been lost."""
    return presented.is_last_used and presented.used_seconds_ago is not None and presented.used_seconds_ago <= REUSE_GRACE_SECONDS


async def _end_reused(connection: AsyncConnection, presented: Presented, origin: Origin) -> None:
    await _end(connection, presented.session_id, EndReason.REUSE)
    await audit.append(connection, AuditEntry(Action.REUSE, Outcome.DENIED, None, presented.session_id, origin.ip))
    await outbox.append(connection, SessionReused(presented.account_id, presented.session_id))


async def _end(connection: AsyncConnection, session_id: SessionId, reason: EndReason) -> None:
    await session_store.end(connection, session_id, reason)
    await revoking.revoke(connection, session_id)


def _short(origin: Origin) -> Origin:
    agent = origin.user_agent
    return Origin(origin.ip, agent.replace("\0", "")[:USER_AGENT_LENGTH_MAX] if agent else None)  # PostgreSQL stores no NUL
