"""Opening an account, proving an address, and passwords that are forgotten or changed."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field, SecretStr

from services.api import limits
from services.api.dependencies import OPEN_TO_ALL, Counted, CurrentDatabase, CurrentOrigin, assembled, requires
from services.api.openapi import with_body
from services.api.routing import StrictRoute
from services.api.wire import EmailAddress, FullName, In, OpaqueToken, Out
from services.inventory.accounts import credentials
from services.inventory.accounts.errors import PermissionMissing, TokenInvalid, TooManySignIns, WeakPassword, WrongPassword
from services.inventory.accounts.model import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, normalise_email
from services.inventory.accounts.permissions import Caller, Permission

router = APIRouter(prefix="/auth", tags=["auth"], route_class=StrictRoute)


def _of_whole_characters(password: SecretStr) -> SecretStr:
    """JSON can spell half of a surrogate pair, the form that signs in cannot."""
    if any("\ud800" <= character <= "\udfff" for character in password.get_secret_value()):
        raise ValueError("must not contain half of a surrogate pair")
    return password


OldPassword = Annotated[SecretStr, Field(max_length=PASSWORD_LENGTH_MAX)]
NewPassword = Annotated[
    SecretStr, Field(min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX), AfterValidator(_of_whole_characters)
]


class RegistrationIn(In):
    email: EmailAddress
    password: NewPassword
    full_name: FullName


class TokenIn(In):
    token: OpaqueToken


class EmailIn(In):
    email: EmailAddress


class ResetIn(TokenIn):
    new_password: NewPassword


class PasswordChangeIn(In):
    current_password: OldPassword
    new_password: NewPassword


class AcceptedOut(Out):
    detail: str = "if this address can be used for it, a mail is on its way"


@router.post(
    "/register", status_code=202, summary="Open an account", dependencies=[OPEN_TO_ALL], responses=with_body(WeakPassword, TooManySignIns)
)
@limits.credentials
@limits.mails
async def register(
    request: Request, body: RegistrationIn, database: CurrentDatabase, origin: CurrentOrigin, counted: Counted
) -> AcceptedOut:
    """A mail with a link goes out, and the account is open once it was followed. The answer is the same for an address that has one."""
    await counted.charge(limits.MAILS, normalise_email(body.email))
    await credentials.register(
        database,
        assembled(request).passwords,
        email=body.email,
        password=body.password.get_secret_value(),
        full_name=body.full_name,
        origin=origin,
    )
    return AcceptedOut()


@router.post("/verify-email", status_code=204, summary="Prove an address", dependencies=[OPEN_TO_ALL], responses=with_body(TokenInvalid))
@limits.credentials
async def verify_email(body: TokenIn, database: CurrentDatabase, origin: CurrentOrigin) -> None:
    """With the token of the link in the mail, which is good once and for half an hour."""
    await database.transact(credentials.verify_email, token=body.token, origin=origin)


@router.post("/forgot-password", status_code=202, summary="Ask for another password", dependencies=[OPEN_TO_ALL], responses=with_body())
@limits.credentials
@limits.mails
async def forgot_password(body: EmailIn, database: CurrentDatabase, origin: CurrentOrigin, counted: Counted) -> AcceptedOut:
    """A mail with a link goes out to an address that has an account. The answer is the same for one that has none."""
    await counted.charge(limits.MAILS, normalise_email(body.email))
    await database.transact(credentials.forget_password, email=body.email, origin=origin)
    return AcceptedOut()


@router.post(
    "/reset-password",
    status_code=204,
    summary="Choose another password",
    dependencies=[OPEN_TO_ALL],
    responses=with_body(TokenInvalid, WeakPassword, TooManySignIns),
)
@limits.credentials
async def reset_password(request: Request, body: ResetIn, database: CurrentDatabase, origin: CurrentOrigin) -> None:
    """With the token of the link in the mail. Every session of the account ends."""
    await credentials.reset_password(
        database, assembled(request).passwords, token=body.token, new_password=body.new_password.get_secret_value(), origin=origin
    )


@router.post(
    "/change-password",
    status_code=204,
    summary="Change your password",
    responses=with_body(PermissionMissing, WrongPassword, WeakPassword, TooManySignIns),
)
@limits.account
@limits.credentials
async def change_password(
    request: Request,
    body: PasswordChangeIn,
    caller: Annotated[Caller, requires(Permission.ACCOUNT_USE_OWN)],
    database: CurrentDatabase,
    origin: CurrentOrigin,
) -> None:
    """Every other session of yours ends."""
    await credentials.change_password(
        database,
        assembled(request).passwords,
        caller,
        current_password=body.current_password.get_secret_value(),
        new_password=body.new_password.get_secret_value(),
        origin=origin,
    )
