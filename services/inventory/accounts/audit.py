"""The trail of who did what: written in the transaction of the deed, and never changed."""

from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import bindparam, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import Action, AuditEntry
from services.inventory.accounts.tables import audit_events
from services.runtime.ids import new_id
from services.runtime.logs import request_id

DENIALS_PER_MINUTE_MAX = 60  # of one account: nothing is ever deleted here, and the hundredth tells no more than the sixtieth

_APPEND = insert(audit_events)
_LATEST_DENIALS = (
    select(literal(1))
    .select_from(audit_events)
    .where(
        audit_events.c.actor_id == bindparam("of_actor"),
        audit_events.c.action == Action.ACT.value,
        audit_events.c.created_at > func.now() - timedelta(minutes=1),
    )
    .limit(DENIALS_PER_MINUTE_MAX)
)


async def append(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Write the deed down; it happened if the caller's transaction commits."""
    await connection.execute(_APPEND, {**asdict(entry), "event_id": new_id(), "request_id": request_id.get()})


async def append_denial(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Write down that an account was denied what it may not do, about sixty times a minute at most: so nobody fills the trail.

    The log has a line for each, whatever becomes of it here. Index: audit_events_of_an_actor.
    """
    latest = (await connection.execute(_LATEST_DENIALS, {"of_actor": entry.actor_id})).all()
    if len(latest) < DENIALS_PER_MINUTE_MAX:
        await append(connection, entry)
