"""Every statement about signing keys and revocations: what each process rereads, and what changes it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.keys import SIGNS_AFTER_SECONDS, KeyRing, SigningKey
from services.inventory.accounts.model import ACCESS_SECONDS
from services.inventory.accounts.tables import revocations, signing_keys
from services.runtime.housekeeping import delete_older

_RING = select(signing_keys.c.kid, signing_keys.c.created_at, func.clock_timestamp().label("read_at")).order_by(
    signing_keys.c.created_at.desc(), signing_keys.c.kid
)
_SINCE = select(revocations.c.subject_id, revocations.c.revoked_at).where(revocations.c.revoked_at > bindparam("since"))
_revoke = insert(revocations)
_REVOKE = _revoke.on_conflict_do_update(
    index_elements=[revocations.c.subject_id], set_={"revoked_at": func.greatest(revocations.c.revoked_at, func.clock_timestamp())}
)
_ADD_KEY = insert(signing_keys)
_newer = signing_keys.alias("newer")
# Twice as long as a token lives, like revocations: when another database takes over, its clock may be behind.
_FORGET_KEYS = delete(signing_keys).where(
    select(_newer.c.kid)
    .where(
        _newer.c.created_at > signing_keys.c.created_at,
        _newer.c.created_at < func.now() - timedelta(seconds=SIGNS_AFTER_SECONDS + 2 * ACCESS_SECONDS),
    )
    .exists()
)


async def read_ring(connection: AsyncConnection) -> tuple[KeyRing, datetime]:
    """The keys, and the instant of the database's clock at which they were read. There is always one."""
    rows = (await connection.execute(_RING)).all()
    return KeyRing(tuple(SigningKey(row.kid, row.created_at) for row in rows)), rows[0].read_at


async def read_since(connection: AsyncConnection, since: datetime) -> Mapping[UUID, datetime]:
    """What was revoked since, and as of when."""
    rows = await connection.execute(_SINCE, {"since": since})
    return {row.subject_id: row.revoked_at for row in rows}


async def revoke(connection: AsyncConnection, *subject_ids: UUID) -> None:
    """End every access token of these sessions, which are over, or of these accounts, as far as it was issued up to now.

    Lock the session or the account first: a token that is being issued meanwhile would otherwise be issued later by the
    clock, with what was true before.
    """
    if subject_ids:
        await connection.execute(_REVOKE, [{"subject_id": subject_id} for subject_id in subject_ids])


async def add_key(connection: AsyncConnection, kid: str) -> None:
    await connection.execute(_ADD_KEY, {"kid": kid})


async def forget_old(connection: AsyncConnection) -> int:
    """Forget revocations of tokens that are over anyway; how many."""
    return await delete_older(connection, revocations.c.revoked_at, than=timedelta(seconds=2 * ACCESS_SECONDS))


async def forget_replaced_keys(connection: AsyncConnection) -> int:
    """Forget keys that a newer one replaced so long ago that no token of theirs is alive; how many. The newest stays, however old it is."""
    return (await connection.execute(_FORGET_KEYS)).rowcount
