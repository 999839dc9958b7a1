"""Every statement about sessions and their refresh tokens.

Locks: the account before its session, for whoever ends or refreshes one. So a token is issued wholly before a change of the
account or wholly after it, by the same clock that stamps revocations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, Uuid, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import (
    SESSION_IDLE_SECONDS,
    SESSION_SECONDS_MAX,
    AccountId,
    EndReason,
    Origin,
    Role,
    Session,
    SessionId,
)
from services.inventory.accounts.tables import accounts, refresh_tokens, sessions


@dataclass(frozen=True, slots=True)
class Presented:
    """A refresh token that somebody presents, and the session that it is of, which nobody else can change now."""

    session_id: SessionId
    account_id: AccountId
    role: Role
    is_live: bool  # the session has not ended, by the clock or otherwise, and its account may sign in
    number: int
    used_seconds_ago: float | None  # None: it was not used
    last_number: int  # of the session's current token

    @property
    def is_current(self) -> bool:
        return self.used_seconds_ago is None

    @property
    def is_last_used(self) -> bool:
        return self.number == self.last_number - 1


_of_session = sessions.c.session_id == bindparam("of_session")
_is_open = sessions.c.ended_at.is_(None)
_is_live = (
    _is_open
    & (sessions.c.expires_at > func.clock_timestamp())
    & (sessions.c.last_used_at > func.clock_timestamp() - timedelta(seconds=SESSION_IDLE_SECONDS))
)
_OPEN = (
    insert(sessions).values(expires_at=func.clock_timestamp() + timedelta(seconds=SESSION_SECONDS_MAX)).returning(func.clock_timestamp())
)
_ADD_TOKEN = insert(refresh_tokens)
_FIND_SESSION = (
    select(sessions.c.session_id, sessions.c.account_id)
    .join(refresh_tokens, refresh_tokens.c.session_id == sessions.c.session_id)
    .where(refresh_tokens.c.token_hash == bindparam("token_hash"))
)
_SHARE_ACCOUNT = select(accounts.c.account_id).where(accounts.c.account_id == bindparam("account_id")).with_for_update(read=True)
_LOCK = select(sessions.c.session_id).where(_of_session).with_for_update(key_share=True)
_last_number = (
    select(func.max(refresh_tokens.c.number))
    .where(refresh_tokens.c.session_id == sessions.c.session_id)
    .correlate(sessions)
    .scalar_subquery()
)
_token = refresh_tokens.alias("token")
_PRESENTED = (
    select(
        sessions.c.session_id,
        sessions.c.account_id,
        accounts.c.role,
        (_is_live & accounts.c.verified_at.is_not(None) & ~accounts.c.is_disabled).label("is_live"),
        _token.c.number,
        func.extract("epoch", func.clock_timestamp() - _token.c.used_at).label("used_seconds_ago"),
        _last_number.label("last_number"),
    )
    .join(_token, _token.c.session_id == sessions.c.session_id)
    .join(accounts, accounts.c.account_id == sessions.c.account_id)
    .where(_token.c.token_hash == bindparam("token_hash"))
)
_USE = (
    update(refresh_tokens)
    .where(refresh_tokens.c.session_id == bindparam("of_session"), refresh_tokens.c.number == bindparam("used_number"))
    .values(used_at=func.clock_timestamp())
)
_TOUCH = (
    update(sessions)
    .where(_of_session)
    .values(last_used_at=func.clock_timestamp(), ip=bindparam("new_ip"), user_agent=bindparam("new_user_agent"))
    .returning(sessions.c.last_used_at)
)
_END = update(sessions).where(_of_session).values(ended_at=func.clock_timestamp(), end_reason=bindparam("reason"))
_END_ALL = (
    update(sessions)
    .where(sessions.c.account_id == bindparam("of_account"), _is_open, sessions.c.session_id.is_distinct_from(bindparam("keep")))
    .values(ended_at=func.clock_timestamp(), end_reason=bindparam("reason"))
    .returning(sessions.c.session_id)
)
_LOCK_OWN = (
    select(sessions.c.session_id)
    .where(_of_session, sessions.c.account_id == bindparam("account_id"), _is_live)
    .with_for_update(key_share=True)
)
# Ended or not, it cannot be used any more. Few at once: each may have had thousands of tokens.
_DEAD = (
    select(sessions.c.session_id)
    .where(sessions.c.last_used_at < func.now() - timedelta(seconds=SESSION_IDLE_SECONDS))
    .order_by(sessions.c.last_used_at)
    .limit(10)
    .with_for_update(skip_locked=True)
)
_these = bindparam("ids", type_=ARRAY(Uuid))
_FORGET_TOKENS = delete(refresh_tokens).where(refresh_tokens.c.session_id == func.any(_these))
_FORGET = delete(sessions).where(sessions.c.session_id == func.any(_these))
_LIVE = (
    select(*(sessions.c[field.name] for field in fields(Session)))
    .where(sessions.c.account_id == bindparam("account_id"), _is_live)
    .order_by(sessions.c.last_used_at.desc(), sessions.c.session_id)
    .limit(bindparam("limit"))
)


async def open_session(
    connection: AsyncConnection, session_id: SessionId, account_id: AccountId, origin: Origin, *, token_hash: bytes
) -> datetime:
    """Insert a session with its first token; the instant by the database's clock. Lock the account first."""
    values = {"session_id": session_id, "account_id": account_id, "ip": origin.ip, "user_agent": origin.user_agent}
    opened_at: datetime = (await connection.execute(_OPEN, values)).scalar_one()
    await connection.execute(_ADD_TOKEN, {"token_hash": token_hash, "session_id": session_id, "number": 1})
    return opened_at


async def lock_by_token(connection: AsyncConnection, token_hash: bytes) -> Presented | None:
    """The token with its session, which nobody else can change until this transaction ends; None for a token of no session.

    Read in a statement after the locks: what is read together with a lock may be older than it.
    """
    found = (await connection.execute(_FIND_SESSION, {"token_hash": token_hash})).one_or_none()
    if found is None:
        return None
    await connection.execute(_SHARE_ACCOUNT, {"account_id": found.account_id})
    await connection.execute(_LOCK, {"of_session": found.session_id})
    row = (await connection.execute(_PRESENTED, {"token_hash": token_hash})).mappings().one()
    seconds = row["used_seconds_ago"]
    return Presented(**{**row, "role": Role(row["role"]), "used_seconds_ago": None if seconds is None else float(seconds)})


async def lock_own(connection: AsyncConnection, session_id: SessionId, account_id: AccountId) -> bool:
    """Whether the account has this live session, which nobody else can change then. Locks the account."""
    await connection.execute(_SHARE_ACCOUNT, {"account_id": account_id})
    return (await connection.execute(_LOCK_OWN, {"of_session": session_id, "account_id": account_id})).one_or_none() is not None


async def rotate(connection: AsyncConnection, presented: Presented, *, next_hash: bytes) -> None:
    """Mark the current token of a locked session as used, and give it the next."""
    await connection.execute(_USE, {"of_session": presented.session_id, "used_number": presented.number})
    values = {"token_hash": next_hash, "session_id": presented.session_id, "number": presented.number + 1}
    await connection.execute(_ADD_TOKEN, values)


async def touch(connection: AsyncConnection, session_id: SessionId, origin: Origin) -> datetime:
    """The session was used now, from here; the instant."""
    values = {"of_session": session_id, "new_ip": origin.ip, "new_user_agent": origin.user_agent}
    used_at: datetime = (await connection.execute(_TOUCH, values)).scalar_one()
    return used_at


async def end(connection: AsyncConnection, session_id: SessionId, reason: EndReason) -> None:
    """Lock the session and see that it has not ended first."""
    await connection.execute(_END, {"of_session": session_id, "reason": reason.value})


async def end_all(connection: AsyncConnection, account_id: AccountId, reason: EndReason, *, keep: SessionId | None) -> Sequence[SessionId]:
    """End the sessions of a locked account, but for one; which."""
    values = {"of_account": account_id, "reason": reason.value, "keep": keep}
    return list((await connection.execute(_END_ALL, values)).scalars())


async def list_live(connection: AsyncConnection, account_id: AccountId, *, limit: int) -> Sequence[Session]:
    """The account's devices, the last used first. Index: sessions_by_account."""
    rows = (await connection.execute(_LIVE, {"account_id": account_id, "limit": limit})).mappings()
    return [Session(**row) for row in rows]


async def forget_dead(connection: AsyncConnection) -> int:
    """Forget some sessions that have not been used for as long as one may be idle, and their tokens; how many. Index: sessions_by_use."""
    ids = list((await connection.execute(_DEAD)).scalars())
    if ids:
        await connection.execute(_FORGET_TOKENS, {"ids": ids})
        await connection.execute(_FORGET, {"ids": ids})
    return len(ids)
