"""Accounts over HTTP: one's own, and everybody's for the admin."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import Field

from services.api import limits
from services.api.dependencies import CurrentDatabase, CurrentOrigin, requires
from services.api.openapi import refusals, with_body
from services.api.paging import RequestedPage
from services.api.routing import StrictRoute
from services.api.wire import EmailAddress, FullName, In, Out, PageOut
from services.inventory.accounts import commands, listing, store
from services.inventory.accounts.errors import AccountNotFound, LastAdmin, PermissionMissing
from services.inventory.accounts.model import Account, AccountId, Role, normalise_email
from services.inventory.accounts.permissions import Caller, Permission
from services.runtime.paging import BadCursor

router = APIRouter(tags=["accounts"], route_class=StrictRoute)

Owner = Annotated[Caller, requires(Permission.ACCOUNT_USE_OWN)]
Admin = Annotated[Caller, requires(Permission.ACCOUNTS_MANAGE)]


class ProfileIn(In):
    full_name: FullName


class AccountChangeIn(In):
    """What is absent or null stays as it is."""

    role: Role | None = None
    disabled: Annotated[bool | None, Field(strict=True)] = None


class AccountOut(Out):
    id: AccountId
    email: str
    full_name: str
    role: Role
    disabled: bool
    created_at: datetime
    verified_at: datetime | None

    @classmethod
    def of_account(cls, account: Account) -> Self:
        return cls(
            id=account.account_id,
            email=account.email,
            full_name=account.full_name,
            role=account.role,
            disabled=account.is_disabled,
            created_at=account.created_at,
            verified_at=account.verified_at,
        )


class AccountPageOut(PageOut[AccountOut]):
    pass


@router.get("/me", summary="Read your account", responses=refusals(PermissionMissing))
@limits.account
async def read_own_account(caller: Owner, database: CurrentDatabase) -> AccountOut:
    return AccountOut.of_account(await database.autocommit(store.get, caller.account_id))


@router.patch("/me", summary="Change your account", responses=with_body(PermissionMissing))
@limits.account
async def change_own_account(body: ProfileIn, caller: Owner, database: CurrentDatabase) -> AccountOut:
    return AccountOut.of_account(await database.transact(commands.rename, caller, body.full_name))


@router.get(
    "/accounts",
    summary="List accounts",
    dependencies=[requires(Permission.ACCOUNTS_MANAGE)],
    responses=refusals(PermissionMissing, BadCursor),
)
@limits.account
async def list_accounts(
    database: CurrentDatabase, page: RequestedPage, role: Role | None = None, email: EmailAddress | None = None
) -> AccountPageOut:
    """In the order in which they were opened."""
    address = normalise_email(email) if email is not None else None
    found = await database.autocommit(listing.list_accounts, role=role, email=address, window=page.window)
    return AccountPageOut(items=[AccountOut.of_account(account) for account in found.items], **page.about(found))


@router.get(
    "/accounts/{account_id}",
    summary="Read an account",
    dependencies=[requires(Permission.ACCOUNTS_MANAGE)],
    responses=refusals(PermissionMissing, AccountNotFound),
)
@limits.account
async def read_account(account_id: AccountId, database: CurrentDatabase) -> AccountOut:
    return AccountOut.of_account(await database.autocommit(commands.find_account, account_id))


@router.patch(
    "/accounts/{account_id}",
    summary="Change the role of an account, shut it or open it again",
    responses=with_body(PermissionMissing, AccountNotFound, LastAdmin),
)
@limits.account
async def change_account(
    account_id: AccountId, body: AccountChangeIn, caller: Admin, database: CurrentDatabase, origin: CurrentOrigin
) -> AccountOut:
    """Its tokens are worth nothing within a second; the owner of one that is not shut refreshes and has the new role."""
    changed = await database.transact(commands.change_account, caller, account_id, role=body.role, is_disabled=body.disabled, origin=origin)
    return AccountOut.of_account(changed)
