"""The audit trail over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.api import limits
from services.api.dependencies import CurrentDatabase, requires
from services.api.openapi import refusals
from services.api.paging import RequestedPage
from services.api.routing import StrictRoute
from services.api.wire import Instant, Out, PageOut
from services.inventory.accounts import listing
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.listing import AuditFilters
from services.inventory.accounts.model import Action, Outcome
from services.inventory.accounts.permissions import Permission
from services.runtime.paging import BadCursor

router = APIRouter(prefix="/audit-events", tags=["admin"], route_class=StrictRoute)


class AuditEventOut(Out):
    event_id: UUID
    action: Action
    outcome: Outcome
    actor_id: UUID | None
    subject_id: UUID | None
    ip: str | None
    request_id: str | None
    created_at: datetime
    details: dict[str, str]


class AuditEventPageOut(PageOut[AuditEventOut]):
    pass


@router.get(
    "",
    summary="List audit events",
    dependencies=[requires(Permission.AUDIT_READ)],
    responses=refusals(PermissionMissing, BadCursor),
)
@limits.account
async def list_audit_events(
    database: CurrentDatabase,
    page: RequestedPage,
    *,
    actor: UUID | None = None,
    action: Action | None = None,
    since: Annotated[Instant | None, Query(alias="from", description="The first instant of the span")] = None,
    before: Annotated[Instant | None, Query(alias="to", description="The first instant after the span")] = None,
) -> AuditEventPageOut:
    """Who did what, when and from where; the newest first."""
    found = await database.autocommit(listing.list_audit_events, AuditFilters(actor, action, since, before), window=page.window)
    return AuditEventPageOut(items=[AuditEventOut.of(event) for event in found.items], **page.about(found))
