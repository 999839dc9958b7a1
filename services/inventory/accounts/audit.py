"""The trail of who did what: written in the transaction of the deed, and never changed."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import AuditEntry
from services.inventory.accounts.tables import audit_events
from services.runtime.ids import new_id
from services.runtime.logs import request_id

_APPEND = insert(audit_events)


async def append(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Write the deed down; it happened if the caller's transaction commits."""
    values = {
        "event_id": new_id(),
        "action": entry.action.value,
        "outcome": entry.outcome.value,
        "actor_id": entry.actor_id,
        "subject_id": entry.subject_id,
        "ip": entry.ip,
        "request_id": request_id.get(),
        "details": dict(entry.details),
    }
    await connection.execute(_APPEND, values)
