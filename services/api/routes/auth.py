"""Signing in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, StringConstraints

from services.api.dependencies import OPEN_TO_ALL, CurrentDatabase, assembled
from services.api.openapi import with_form
from services.api.routing import StrictRoute
from services.api.wire import Out, Text
from services.inventory.accounts import commands
from services.inventory.accounts.errors import TooManySignIns
from services.inventory.accounts.model import EMAIL_LENGTH_MAX, PASSWORD_LENGTH_MAX

router = APIRouter(prefix="/auth", tags=["auth"], route_class=StrictRoute)


class CredentialsIn(BaseModel):
    """OAuth2's password form; clients add members of their own to it, which say nothing here."""

    username: Annotated[Text, StringConstraints(max_length=EMAIL_LENGTH_MAX)]
    password: Annotated[str, StringConstraints(max_length=PASSWORD_LENGTH_MAX)]


class TokenOut(Out):
    access_token: str
    token_type: Literal["bearer"]
    expires_in: int


@router.post("/token", summary="Sign in", dependencies=[OPEN_TO_ALL], responses=with_form(TooManySignIns))
async def sign_in(
    request: Request,
    database: CurrentDatabase,
    form: Annotated[CredentialsIn, Form()],
) -> TokenOut:
    """The OAuth2 password form. An Authorization header is ignored; the docs page sends one of its own."""
    parts = assembled(request)
    caller = await commands.sign_in(database, parts.passwords, email=form.username, password=form.password)
    token = parts.tokens.issue(caller)
    return TokenOut(access_token=token.text, token_type="bearer", expires_in=token.expires_in_seconds)  # noqa: S106  # OAuth2's word for it
