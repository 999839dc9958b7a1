"""Signing in, staying signed in and signing out."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field, StringConstraints

from services.api import limits
from services.api.dependencies import OPEN_TO_ALL, Counted, CurrentDatabase, CurrentOrigin, assembled, requires
from services.api.openapi import refusals, with_body, with_form
from services.api.routing import StrictRoute
from services.api.wire import In, OpaqueToken, Out, Text
from services.inventory.accounts import session_store, sessions
from services.inventory.accounts.errors import PermissionMissing, SessionNotFound, TooManySignIns
from services.inventory.accounts.model import EMAIL_LENGTH_MAX, PASSWORD_LENGTH_MAX, EndReason, Session, SessionId, normalise_email
from services.inventory.accounts.permissions import Caller, Permission
from services.inventory.accounts.sessions import SignedIn

router = APIRouter(prefix="/auth", tags=["auth"], route_class=StrictRoute)

SESSIONS_SHOWN_MAX = 100  # nobody has more devices; older ones go on working and end with "log out everywhere"

Owner = Annotated[Caller, requires(Permission.ACCOUNT_USE_OWN)]


class RefreshIn(In):
    refresh_token: OpaqueToken


class CredentialsIn(BaseModel):
    """OAuth2's password form; clients add members of their own to it, which say nothing here."""

    username: Annotated[Text, StringConstraints(max_length=EMAIL_LENGTH_MAX)]
    password: Annotated[
        str, StringConstraints(max_length=PASSWORD_LENGTH_MAX), Field(json_schema_extra={"format": "password", "writeOnly": True})
    ]


class TokenOut(Out):
    access_token: str
    token_type: Literal["bearer"]
    expires_in: Annotated[int, Field(description="Seconds")]
    refresh_token: Annotated[str, Field(description="Use it once, for the next pair")]


class SessionOut(Out):
    id: SessionId
    ip: str | None
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    is_current: Annotated[bool, Field(description="Whether it is the one that asks")]

    @classmethod
    def of_session(cls, session: Session, caller: Caller) -> Self:
        return cls(
            id=session.session_id,
            ip=session.ip,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            is_current=session.session_id == caller.session_id,
        )


class SessionsOut(Out):
    items: list[SessionOut]


@router.post("/token", summary="Sign in", dependencies=[OPEN_TO_ALL], responses=with_form(TooManySignIns))
@limits.sign_in
@limits.address_tried
async def sign_in(
    request: Request,
    database: CurrentDatabase,
    origin: CurrentOrigin,
    form: Annotated[CredentialsIn, Form()],
    counted: Counted,
) -> TokenOut:
    """The OAuth2 password form. An Authorization header is ignored; the docs page sends one of its own."""
    parts, email = assembled(request), normalise_email(form.username)

    async def admit(*, is_familiar: bool) -> None:
        """Tries from where the owner signs in have a bucket of their own, or anybody could lock the owner out."""
        await counted.charge(limits.ADDRESS_TRIED, email, *([origin.ip or ""] if is_familiar else []))

    signed_in = await sessions.sign_in(
        *(database, parts.passwords, parts.refresh_tokens), email=email, password=form.password, origin=origin, admit=admit
    )
    return await _answer(request, signed_in)


@router.post("/refresh", summary="Stay signed in", dependencies=[OPEN_TO_ALL], responses=with_body())
@limits.network
async def refresh(request: Request, body: RefreshIn, database: CurrentDatabase, origin: CurrentOrigin) -> TokenOut:
    """A refresh token is used once and gives the next. One that is used again later than ten seconds after ends the session."""
    signed_in = await sessions.refresh(database, assembled(request).refresh_tokens, token=body.refresh_token, origin=origin)
    return await _answer(request, signed_in)


@router.post("/logout", status_code=204, summary="Sign out", dependencies=[OPEN_TO_ALL], responses=with_body())
@limits.network
async def sign_out(body: RefreshIn, database: CurrentDatabase, origin: CurrentOrigin) -> None:
    """Ends the session of this refresh token and its access tokens, within a second. An unknown one is signed out already."""
    await database.transact(sessions.sign_out, token=body.refresh_token, origin=origin)


@router.post("/logout-all", status_code=204, summary="Sign out everywhere", responses=refusals(PermissionMissing))
@limits.account
async def sign_out_everywhere(caller: Owner, database: CurrentDatabase, origin: CurrentOrigin) -> None:
    """Ends every session of yours and every access token, within a second."""
    await database.transact(sessions.end_all, caller.account_id, EndReason.LOGOUT_ALL, actor_id=caller.account_id, origin=origin)


@router.get("/sessions", summary="List your sessions", responses=refusals(PermissionMissing))
@limits.account
async def list_sessions(caller: Owner, database: CurrentDatabase) -> SessionsOut:
    """Each is a device that signed in; the last used first."""
    found = await database.autocommit(session_store.list_live, caller.account_id, limit=SESSIONS_SHOWN_MAX)
    return SessionsOut(items=[SessionOut.of_session(session, caller) for session in found])


@router.delete("/sessions/{session_id}", status_code=204, summary="End a session", responses=refusals(PermissionMissing, SessionNotFound))
@limits.account
async def end_session(session_id: SessionId, caller: Owner, database: CurrentDatabase, origin: CurrentOrigin) -> None:
    if not await database.transact(sessions.end_session, caller, session_id, origin=origin):
        raise SessionNotFound


async def _answer(request: Request, signed_in: SignedIn) -> TokenOut:
    token = await assembled(request).access.issue(signed_in.caller, issued_at=signed_in.issued_at)
    return TokenOut(
        access_token=token.text,
        token_type="bearer",  # noqa: S106  # OAuth2's word for it
        expires_in=token.expires_in_seconds,
        refresh_token=signed_in.refresh_token,
    )
