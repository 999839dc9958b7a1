"""Accounts and the audit trail as lists."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import Account, Action, Outcome, Role
from services.inventory.accounts.store import COLUMNS, account_of
from services.inventory.accounts.tables import accounts, audit_events
from services.runtime.paging import Order, Page, Window, fetch_page

_BY_ID = Order((accounts.c.account_id,))
_NEWEST_FIRST = Order((audit_events.c.created_at, audit_events.c.event_id), is_descending=True)


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """None lets everything through."""

    actor_id: UUID | None = None
    action: Action | None = None
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the trail, as it is read."""

    event_id: UUID
    action: Action
    outcome: Outcome
    actor_id: UUID | None
    subject_id: UUID | None
    ip: str | None
    request_id: str | None
    created_at: datetime
    details: Mapping[str, str]


async def list_accounts(connection: AsyncConnection, *, role: Role | None, email: str | None, window: Window) -> Page[Account]:
    """In the order in which they were opened. Indexes: the primary key, an_email_has_one_account."""
    statement = select(*COLUMNS)
    if role is not None:
        statement = statement.where(accounts.c.role == role.value)
    if email is not None:
        statement = statement.where(accounts.c.email == email)
    return await fetch_page(connection, statement, _BY_ID, account_of, window=window)


async def list_audit_events(connection: AsyncConnection, filters: AuditFilters, *, window: Window) -> Page[AuditEvent]:
    """The trail, newest first. Indexes: audit_events_by_time, audit_events_of_an_actor, audit_events_of_an_action."""
    statement = select(*audit_events.c)
    if filters.actor_id is not None:
        statement = statement.where(audit_events.c.actor_id == filters.actor_id)
    if filters.action is not None:
        statement = statement.where(audit_events.c.action == filters.action.value)
    if filters.since is not None:
        statement = statement.where(audit_events.c.created_at >= filters.since)
    if filters.before is not None:
        statement = statement.where(audit_events.c.created_at < filters.before)
    return await fetch_page(
        connection,
        statement,
        _NEWEST_FIRST,
        lambda row: AuditEvent(
            **{column.name: row[column.name] for column in audit_events.c}
            | {"action": Action(row["action"]), "outcome": Outcome(row["outcome"])}
        ),
        window=window,
    )
