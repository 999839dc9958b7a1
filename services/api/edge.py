"""What every request meets before any route: who is asking, how often, and whether there is a copy of the answer.

One question to Redis decides all limits of a request and brings the copy along. What is an answer already leaves from here:
too many requests, a bad token, a copy of a product or a warehouse. Everything else goes its ordinary way, which uses the
same parts and gives the same bytes; with `HOLDFAST_FAST_PATH=off` only refusals for asking too often leave from here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Response
from pydantic import TypeAdapter, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.client_address import bucket
from services.api.copies import CopyResponse
from services.api.dependencies import Assembled
from services.api.errors import answer_to
from services.api.limits import Asker
from services.api.route_table import Found, RouteTable
from services.api.wire import PathKey
from services.inventory.accounts.access import Access
from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.permissions import PERMISSIONS, Caller
from services.runtime import rate_limits
from services.runtime.errors import RateLimited, Refusal
from services.runtime.rate_limits import Verdict

IF_NONE_MATCH_LENGTH_MAX = 1_000  # the route refuses longer ones

CopyKey = Callable[[str], str]

_path_key: TypeAdapter[str] = TypeAdapter(PathKey)
_READS = {"GET", "HEAD"}


class Edge:
    """Wraps everything but what happens to every request."""

    def __init__(self, app: ASGIApp, *, is_fast: bool, copied: Mapping[Callable[..., Any], CopyKey]) -> None:
        """`copied` says of a route under which key its answer is kept, by the one thing that its path names."""
        self._app = app
        self._is_fast = is_fast
        self._copied = copied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        verdicts: list[Verdict] = []
        scope["rate_limits"] = verdicts  # a route may add what it counts itself

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += rate_limits.headers(verdicts)
            await send(message)

        answer = await self._known_answer(scope, verdicts) or self._app
        await answer(scope, receive, send_with_limits)

    async def _known_answer(self, scope: Scope, verdicts: list[Verdict]) -> Response | None:
        """The answer, if there is one already; what the route needs to know is left in the scope."""
        state = scope["app"].state
        parts: Assembled = state.assembled
        table: RouteTable = state.table
        found = table.find(scope["method"], scope["path"])
        scope["caller"] = caller = await _caller(scope, found, parts.access)
        key = self._copy_key(scope, found, caller)
        verdict, look = await parts.gate.ask(table.buckets(found, _asker(scope, caller)), key)
        scope["look"], scope["is_redis_lost"] = look, verdict.is_local
        verdicts.append(verdict)
        try:
            parts.gate.refuse(verdict)
        except RateLimited as refusal:
            return _refused(scope, refusal)
        if isinstance(caller, NotSignedIn) and self._is_fast and _is_plain_read(scope):
            return _refused(scope, caller)
        if look is not None and look.copy is not None and not look.is_ours:
            parts.cache.answered[look.source] += 1
            seen = _header(scope, b"if-none-match")
            return CopyResponse(look.copy, look.source, if_none_match=seen, is_head=scope["method"] == "HEAD")
        return None

    def _copy_key(self, scope: Scope, found: Found | None, caller: Caller | Refusal | None) -> str | None:
        """Under which key the answer may lie; None where only the route can tell, and where the request is not one for a copy."""
        if not self._is_fast or found is None or not _is_plain_read(scope) or isinstance(caller, Refusal):
            return None
        key_of = self._copied.get(found.route.endpoint)
        if key_of is None or found.route.permission not in PERMISSIONS[caller.role if caller else None]:
            return None
        seen = [value for name, value in scope["headers"] if name == b"if-none-match"]
        if len(seen) > 1 or any(len(value) > IF_NONE_MATCH_LENGTH_MAX for value in seen):
            return None
        try:
            return key_of(_path_key.validate_python(next(iter(found.path.values()))))
        except ValidationError:
            return None


async def _caller(scope: Scope, found: Found | None, access: Access) -> Caller | Refusal | None:
    """Who is asking; None without a token, and where nobody needs to know. The refusal is for the route to give."""
    if found is None or found.route.permission is None:
        return None
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if not values:
        return None
    scheme, _, token = values[0].decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or len(values) > 1:  # of two, a proxy in front may have read the other
        return NotSignedIn()
    try:
        caller = await access.caller(token)
    except Refusal as refusal:
        return refusal
    scope["account_id"] = caller.account_id  # for the log line
    return caller


def _asker(scope: Scope, caller: Caller | Refusal | None) -> Asker:
    address = scope["client_address"]
    network = "unknown" if address is None else bucket(address)
    return Asker(network, str(caller.account_id) if isinstance(caller, Caller) else "")


def _is_plain_read(scope: Scope) -> bool:
    return scope["method"] in _READS and not scope["query_string"]


def _header(scope: Scope, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), None)


def _refused(scope: Scope, refusal: Refusal) -> Response:
    scope["refused_with"] = refusal.code
    return answer_to(refusal, instance=scope["path"])
