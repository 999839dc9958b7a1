"""Who may do what: permissions as constants, roles as one table."""

from dataclasses import dataclass
from enum import StrEnum

from services.inventory.accounts.model import AccountId, Role, SessionId


class Permission(StrEnum):
    ACCOUNT_USE_OWN = "account:use_own"
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
    NOTIFICATIONS_READ_OWN = "notifications:read_own"
    NOTIFICATIONS_READ_ANY = "notifications:read_any"
    DEAD_LETTERS_MANAGE = "dead_letters:manage"
    RECONCILIATION_READ = "reconciliation:read"
    ACCOUNTS_MANAGE = "accounts:manage"
    AUDIT_READ = "audit:read"


_ANYBODY = frozenset({Permission.CATALOG_READ})
_CUSTOMER = _ANYBODY | {Permission.ACCOUNT_USE_OWN, Permission.RESERVATIONS_USE_OWN, Permission.NOTIFICATIONS_READ_OWN}
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
_ADMIN = _STAFF | {
    Permission.NOTIFICATIONS_READ_ANY,
    Permission.DEAD_LETTERS_MANAGE,
    Permission.RECONCILIATION_READ,
    Permission.ACCOUNTS_MANAGE,
    Permission.AUDIT_READ,
}
PERMISSIONS: dict[Role | None, frozenset[Permission]] = {
    None: _ANYBODY,  # a caller without a token
    Role.CUSTOMER: _CUSTOMER,
    Role.STAFF: _STAFF,
    Role.ADMIN: _ADMIN,
}


def roles_with(permission: Permission) -> list[Role]:
    """The roles of accounts that have it."""
    return [role for role in Role if permission in PERMISSIONS[role]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, as the token says."""

    account_id: AccountId
    role: Role
    session_id: SessionId | None = None  # None: not by HTTP, but by one of our own processes

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self.role]
