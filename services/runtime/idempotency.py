"""One effect for each Idempotency-Key, however often its request arrives.

The key is claimed and its answer stored in the transaction of the effect, so that neither exists without the other. A
refusal rolls back the claim too: the same key may succeed later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, DateTime, Index, LargeBinary, Table, Text, Uuid, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import metadata, sqlstate
from services.runtime.errors import Conflict, Invalid
from services.runtime.housekeeping import delete_older

KEY_LENGTH_MAX = 255
REMEMBERED = timedelta(hours=24)  # whoever has not asked again by then has gone
_LOCK_NOT_AVAILABLE = "55P03"

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("account_id", Uuid, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    # What the answer is rendered from; jsonb reorders members, so it is not the answer's bytes. Null only inside the
    # transaction that claimed the key.
    Column("answer", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint(f"length(key) BETWEEN 1 AND {KEY_LENGTH_MAX}", name="a_key_has_1_to_255_characters"),
)
# Serves forgetting the keys that are a day old.
Index("idempotency_keys_by_age", idempotency_keys.c.created_at)


class IdempotencyKeyReused(Invalid):
    code = "idempotency_key_reused"
    title = "Idempotency-Key was used for another request"

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key belongs to a request with other contents; send a new key with a new request")


class IdempotencyInProgress(Conflict):
    code = "idempotency_in_progress"
    title = "The first request is still running"
    retryable = True
    transient = True
    retry_after_seconds = 1

    def __init__(self) -> None:
        super().__init__("a request with this Idempotency-Key is still running; send it again in a moment to get its answer")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key as one request presents it: whose it is, and a SHA-256 of method, path and canonical body."""

    account_id: UUID
    key: str
    fingerprint: bytes


_of_key = (idempotency_keys.c.account_id == bindparam("of_account"), idempotency_keys.c.key == bindparam("of_key"))
_CLAIM = insert(idempotency_keys).on_conflict_do_nothing()
_FIND = select(idempotency_keys.c.fingerprint, idempotency_keys.c.answer).where(*_of_key)
_STORE = update(idempotency_keys).where(*_of_key).values(answer=bindparam("answer"))


async def claim(connection: AsyncConnection, key: IdempotencyKey) -> Mapping[str, Any] | None:
    """Take the key for this transaction: None, or the answer that an earlier request stored.

    The first lock of a transaction, before any other. Waits for a twin that is in flight, for as long as the lock
    timeout; the unit of work is then run again. Refuses: IdempotencyKeyReused, IdempotencyInProgress.
    """
    values = {"account_id": key.account_id, "key": key.key, "fingerprint": key.fingerprint}
    try:
        claimed = (await connection.execute(_CLAIM, values)).rowcount == 1
    except DBAPIError as error:
        if sqlstate(error) == _LOCK_NOT_AVAILABLE:
            raise IdempotencyInProgress from error
        raise
    if claimed:
        return None
    stored = (await connection.execute(_FIND, {"of_account": key.account_id, "of_key": key.key})).one_or_none()
    if stored is None:  # somebody deleted it between the two statements; the next try claims it
        raise IdempotencyInProgress
    if stored.fingerprint != key.fingerprint:
        raise IdempotencyKeyReused
    answer: Mapping[str, Any] = stored.answer
    return answer


async def store(connection: AsyncConnection, key: IdempotencyKey, answer: Mapping[str, Any]) -> None:
    """Keep the answer under the key that this transaction has claimed."""
    await connection.execute(_STORE, {"of_account": key.account_id, "of_key": key.key, "answer": dict(answer)})


async def forget_old(connection: AsyncConnection) -> int:
    """Forget a batch of keys that are a day old; how many."""
    return await delete_older(connection, idempotency_keys.c.created_at, than=REMEMBERED)
