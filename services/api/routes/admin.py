"""What only the admin sees."""

from datetime import datetime

from fastapi import APIRouter

from services.api import limits
from services.api.dependencies import CurrentDatabase, requires
from services.api.openapi import refusals
from services.api.routing import StrictRoute
from services.api.wire import Out
from services.inventory.accounts.errors import PermissionMissing
from services.inventory.accounts.permissions import Permission
from services.inventory.reservations import reconciling
from services.inventory.stock.model import ItemId

router = APIRouter(prefix="/admin", tags=["admin"], route_class=StrictRoute)


class ViolationOut(Out):
    what: str
    item_id: ItemId
    sku: str
    warehouse: str
    stored: int
    derived: int


class ReconciliationOut(Out):
    checked_at: datetime
    violations: list[ViolationOut]


@router.get(
    "/reconciliation",
    summary="Compare counters with reservations and ledger",
    responses=refusals(PermissionMissing),
    dependencies=[requires(Permission.RECONCILIATION_READ)],
)
@limits.account
async def read_reconciliation(database: CurrentDatabase) -> ReconciliationOut:
    """Empty when all is well. Reads every line and movement: for people, not for a loop."""
    return ReconciliationOut.of(await database.autocommit(reconciling.check))
