"""What a route may ask for: the database, the caller, an Idempotency-Key, a precondition."""

import hashlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ParamSpec, TypeVar

import orjson
from fastapi import Depends, Header, Request
from fastapi.params import Depends as DependsOn
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel

from services.api.errors import KEY_HEADER
from services.api.gate import Gate
from services.inventory.accounts import audit
from services.inventory.accounts.access import Access
from services.inventory.accounts.errors import NotSignedIn, PermissionMissing
from services.inventory.accounts.model import Action, AuditEntry, Origin, Outcome
from services.inventory.accounts.passwords import Passwords
from services.inventory.accounts.permissions import PERMISSIONS, Caller, Permission
from services.inventory.accounts.sessions import RefreshTokens
from services.inventory.reservations.batching import Batches
from services.runtime.cache import Cache
from services.runtime.database import Database
from services.runtime.errors import Refusal, Unavailable
from services.runtime.idempotency import KEY_LENGTH_MAX, IdempotencyKey
from services.runtime.logs import log
from services.runtime.metrics import Histogram
from services.runtime.paging import Cursors
from services.runtime.preconditions import Precondition, PreconditionMissing
from services.runtime.rate_limits import Policy, Verdict
from services.runtime.redis import Redis
from services.runtime.resources import Resources

P = ParamSpec("P")
T = TypeVar("T")

_STRONG_ETAG = re.compile(r'(?<!W/)"(\d{1,9})"')  # RFC 9110: If-Match compares strongly, a weak ETag matches nothing


@dataclass(frozen=True, slots=True)
class Assembled:
    """What create_app put together for the routes; it lies in app.state.assembled."""

    resources: Resources
    batches: Batches | None
    passwords: Passwords
    refresh_tokens: RefreshTokens
    access: Access
    cursors: Cursors
    redis: Redis
    cache: Cache
    gate: Gate
    loop_delay: Histogram


def made_at_once(kind: Callable[P, T]) -> DependsOn:
    """A class as a dependency. FastAPI would make its object in a thread, because it might block: longer than a small answer takes."""

    async def make(*args: P.args, **kwargs: P.kwargs) -> T:
        return kind(*args, **kwargs)

    make.__signature__ = inspect.signature(kind)  # type: ignore[attr-defined]  # what FastAPI reads to know what to ask for
    dependency: DependsOn = Depends(make)
    return dependency


def assembled(request: Request) -> Assembled:
    found: Assembled = request.app.state.assembled
    return found


async def _database(request: Request) -> Database:
    return assembled(request).resources.database


async def _origin(request: Request) -> Origin:
    return Origin(request.scope["client_address"], request.headers.get("user-agent"))


async def _cache(request: Request) -> Cache:
    return assembled(request).cache


class Counting:
    """Counts what only the body of a request names. Of that nothing but a hash goes to Redis."""

    def __init__(self, request: Request) -> None:
        self._gate = assembled(request).gate
        self._verdicts: list[Verdict] = request.scope["rate_limits"]

    async def charge(self, policy: Policy, *named: str) -> None:
        """Refuses: RateLimited."""
        verdict = await self._gate.charge(policy, hashlib.sha256("\n".join(named).encode()).hexdigest())
        self._verdicts.append(verdict)
        self._gate.refuse(verdict)


Counted = Annotated[Counting, made_at_once(Counting)]
CurrentCache = Annotated[Cache, Depends(_cache)]
CurrentDatabase = Annotated[Database, Depends(_database)]
CurrentOrigin = Annotated[Origin, Depends(_origin)]


class Requires(OAuth2PasswordBearer):
    """The caller, who must have the permission. Refuses: NotSignedIn, PermissionMissing.

    A bad token is refused even where none is needed: its owner would take the answer for one to them.
    """

    def __init__(self, permission: Permission) -> None:
        super().__init__(tokenUrl="/v1/auth/token", scheme_name="account", auto_error=False)
        self.permission = permission

    async def __call__(self, request: Request) -> Caller | None:  # type: ignore[override]  # theirs returns the token
        caller = await _caller(request)
        if self.permission in PERMISSIONS[caller.role if caller else None]:
            return caller
        if caller is None:
            raise NotSignedIn
        await self._tell(request, caller)
        raise PermissionMissing(self.permission)

    async def _tell(self, request: Request, caller: Caller) -> None:
        """Write the denial into the trail if that can be done now.

        What must not happen unrecorded is a deed, and nothing was done: the answer is no with or without a database, and the log line of
        the request tells of it too. A 503 would ask the client to try again what will never be allowed.
        """
        origin, details = await _origin(request), {"permission": self.permission.value}
        entry = AuditEntry(Action.ACT, Outcome.DENIED, caller.account_id, None, origin.ip, details)
        try:
            await assembled(request).resources.database.transact(audit.append_denial, entry)
        except Unavailable as refusal:
            log.warning("audit.denial_not_written", code=refusal.code, account_id=str(caller.account_id), **details)


def requires(permission: Permission) -> DependsOn:
    """Declare what a route needs: `caller: Annotated[Caller, requires(Permission.STOCK_ADJUST)]`."""
    dependency: DependsOn = Depends(Requires(permission))
    return dependency


async def _everybody() -> None:
    """A route that asks for no permission says so."""


OPEN_TO_ALL = Depends(_everybody)


async def _caller(request: Request) -> Caller | None:
    """As the edge found it."""
    found: Caller | Refusal | None = request.scope["caller"]
    if isinstance(found, Refusal):
        raise found
    return found


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that carries an Idempotency-Key."""

    key: str
    request_line: bytes

    def by(self, caller: Caller, body: BaseModel | None) -> IdempotencyKey:
        """The key with whose it is and what it is for. Defaults are filled in, so saying them changes nothing."""
        canonical = orjson.dumps(body.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS) if body is not None else b""
        return IdempotencyKey(caller.account_id, self.key, hashlib.sha256(self.request_line + b"\n" + canonical).digest())


async def _keyed(
    request: Request,
    key: Annotated[
        str,
        Header(
            alias=KEY_HEADER,
            min_length=1,
            max_length=KEY_LENGTH_MAX,
            pattern=r"^[ -~]+$",
            description="Any text of your own for this one action, a UUID for example: sent again, it gives the first answer.",
        ),
    ],
) -> KeyedRequest:
    return KeyedRequest(key, f"{request.method} {request.scope['path']}".encode())


Keyed = Annotated[KeyedRequest, Depends(_keyed)]


PRECONDITION_LENGTH_MAX = 1_000  # a few dozen ETags; nobody has more copies of one thing
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=PRECONDITION_LENGTH_MAX, description="The ETag that you have read")]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", max_length=PRECONDITION_LENGTH_MAX, description="An ETag that you have, or `*`")
]


async def _precondition(if_match: IfMatch = None, if_none_match: IfNoneMatch = None) -> Precondition:
    if if_match is None and if_none_match is None:
        raise PreconditionMissing
    return Precondition(must_be_absent=if_none_match == "*") if if_match is None else _matching(if_match)


async def _optional_precondition(if_match: IfMatch = None) -> Precondition | None:
    return None if if_match is None else _matching(if_match)


async def _if_match(if_match: IfMatch = None) -> Precondition:
    if if_match is None:
        raise PreconditionMissing
    return _matching(if_match)


def _matching(if_match: str) -> Precondition:
    return Precondition(frozenset(int(version) for version in _STRONG_ETAG.findall(if_match)), is_any_version=if_match == "*")


CurrentVersion = Annotated[Precondition, Depends(_if_match)]
RequiredPrecondition = Annotated[Precondition, Depends(_precondition)]
OptionalPrecondition = Annotated[Precondition | None, Depends(_optional_precondition)]
