"""Who may do what: permissions as constants, roles as one table."""

from dataclasses import dataclass
from enum import StrEnum

from services.inventory.accounts.model import AccountId, Role


class Permission(StrEnum):
    CATALOG_READ = "catalog:read"
    CATALOG_WRITE = "catalog:write"
    STOCK_READ = "stock:read"
    STOCK_CONFIGURE = "stock:configure"
    STOCK_ADJUST = "stock:adjust"
    RESERVATIONS_USE_OWN = "reservations:use_own"
    RESERVATIONS_READ_ANY = "reservations:read_any"
    RESERVATIONS_CANCEL_ANY = "reservations:cancel_any"
    RESERVATIONS_FULFIL = "reservations:fulfil"
    RESERVATIONS_WITHOUT_QUOTA = "reservations:without_quota"
    RECONCILIATION_READ = "reconciliation:read"


_ANYBODY = frozenset({Permission.CATALOG_READ})
_CUSTOMER = _ANYBODY | {Permission.RESERVATIONS_USE_OWN}
_STAFF = _CUSTOMER | {
    Permission.CATALOG_WRITE,
    Permission.STOCK_READ,
    Permission.STOCK_CONFIGURE,
    Permission.STOCK_ADJUST,
    Permission.RESERVATIONS_READ_ANY,
    Permission.RESERVATIONS_CANCEL_ANY,
    Permission.RESERVATIONS_FULFIL,
    Permission.RESERVATIONS_WITHOUT_QUOTA,
}
PERMISSIONS: dict[Role | None, frozenset[Permission]] = {
    None: _ANYBODY,  # a caller without a token
    Role.CUSTOMER: _CUSTOMER,
    Role.STAFF: _STAFF,
    Role.ADMIN: _STAFF | {Permission.RECONCILIATION_READ},
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, as the token says."""

    account_id: AccountId
    role: Role

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self.role]
