"""Signing in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request

from services.api.dependencies import OPEN_TO_ALL, CurrentDatabase, assembled
from services.api.openapi import refusals
from services.api.routing import StrictRoute
from services.api.wire import Out, Text
from services.inventory.accounts import commands
from services.inventory.accounts.errors import TooManySignIns
from services.inventory.accounts.model import EMAIL_LENGTH_MAX, PASSWORD_LENGTH_MAX

router = APIRouter(prefix="/auth", tags=["auth"], route_class=StrictRoute)


class TokenOut(Out):
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  # OAuth2's word for it
    expires_in: int


@router.post("/token", summary="Sign in", dependencies=[OPEN_TO_ALL], responses=refusals(TooManySignIns))
async def sign_in(
    request: Request,
    database: CurrentDatabase,
    username: Annotated[Text, Form(max_length=EMAIL_LENGTH_MAX)],
    password: Annotated[str, Form(max_length=PASSWORD_LENGTH_MAX)],
) -> TokenOut:
    """The OAuth2 password form. An Authorization header is ignored; the docs page sends one of its own."""
    parts = assembled(request)
    caller = await commands.sign_in(database, parts.passwords, email=username, password=password)
    token = parts.tokens.issue(caller)
    return TokenOut(access_token=token.text, expires_in=token.expires_in_seconds)
