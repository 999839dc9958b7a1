"""Without these, a permission that is added for one role is somebody else's too."""

import pytest

from services.inventory.accounts.model import AccountId, Role
from services.inventory.accounts.permissions import PERMISSIONS, Caller, Permission
from services.runtime.ids import new_id

ANYBODY = {Permission.CATALOG_READ}
CUSTOMER = ANYBODY | {Permission.ACCOUNT_USE_OWN, Permission.RESERVATIONS_USE_OWN, Permission.NOTIFICATIONS_READ_OWN}
STAFF = set(Permission) - {
    Permission.NOTIFICATIONS_READ_ANY,
    Permission.DEAD_LETTERS_MANAGE,
    Permission.RECONCILIATION_READ,
    Permission.ACCOUNTS_MANAGE,
    Permission.AUDIT_READ,
}


@pytest.mark.parametrize(
    ("role", "permissions"), [(None, ANYBODY), (Role.CUSTOMER, CUSTOMER), (Role.STAFF, STAFF), (Role.ADMIN, set(Permission))]
)
def test_each_role_has_these_permissions_and_no_other(role: Role | None, permissions: set[Permission]) -> None:
    assert PERMISSIONS[role] == permissions


def test_every_role_is_in_the_table() -> None:
    assert PERMISSIONS.keys() == {None, *Role}


def test_a_caller_may_what_their_role_may() -> None:
    caller = Caller(AccountId(new_id()), Role.CUSTOMER)

    assert caller.may(Permission.RESERVATIONS_USE_OWN)
    assert not caller.may(Permission.RESERVATIONS_CANCEL_ANY)
