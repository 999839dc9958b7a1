"""What every request meets before any route: who is asking, and how often.

All limits of a request are decided together, by one question to Redis. Too many requests and bad tokens are answered here;
who is asking, and what there was to see, is left in the scope for the route.
"""

from typing import NamedTuple

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.client_address import bucket
from services.api.dependencies import Assembled
from services.api.errors import answer_to
from services.api.limits import Asker
from services.api.route_table import Found, Route, RouteTable
from services.inventory.accounts.access import Access
from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.permissions import Caller
from services.runtime import rate_limits
from services.runtime.cache import Look
from services.runtime.errors import RateLimited, Refusal
from services.runtime.rate_limits import Verdict

_READS = {"GET", "HEAD"}
_PREFLIGHT = {b"origin", b"access-control-request-method"}


class Asked(NamedTuple):
    """Who is asking, whether they may, and what there was under the key of a copy."""

    caller: Caller | Refusal | None
    verdict: Verdict
    look: Look | None


class Edge:
    """Wraps the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["found"] = _find(scope)
        verdicts: list[Verdict] = []
        scope["rate_limits"] = verdicts  # a route may add what it counts itself

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += rate_limits.headers(verdicts)
            await send(message)

        answer = await self._refusal(scope, verdicts) or self._app
        await answer(scope, receive, send_with_limits)

    async def _refusal(self, scope: Scope, verdicts: list[Verdict]) -> Response | None:
        """The answer to whoever asks too often or with a bad token."""
        parts: Assembled = scope["app"].state.assembled
        asked: Asked = scope.get("asked") or await _ask(scope, parts)  # the fast path may have asked already
        scope["caller"], scope["look"], scope["is_redis_lost"] = asked.caller, asked.look, asked.verdict.is_local
        verdicts.append(asked.verdict)
        try:
            parts.gate.refuse(asked.verdict)
        except RateLimited as refusal:
            return _refused(scope, refusal)
        if isinstance(asked.caller, NotSignedIn) and scope["method"] in _READS and not scope["query_string"]:
            return _refused(scope, asked.caller)  # elsewhere the route may have an earlier objection
        return None


class PreflightEdge:
    """Wraps CORS, which answers a browser's preflights by itself: they count as other requests do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._edge = Edge(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_preflight = scope["type"] == "http" and scope["method"] == "OPTIONS" and {name for name, _ in scope["headers"]} >= _PREFLIGHT
        await (self._edge if is_preflight else self._app)(scope, receive, send)


def _find(scope: Scope) -> Found | None:
    """The route that will answer."""
    table: RouteTable = scope["app"].state.table
    found = table.find(scope["method"], scope["path"])
    if found is not None:
        scope["endpoint"] = found.route.endpoint
    return found


async def _ask(scope: Scope, parts: Assembled) -> Asked:
    found: Found | None = scope["found"]
    table: RouteTable = scope["app"].state.table
    route = found.route if found else None
    caller = await find_caller(scope, route, parts.access)
    verdict, _ = await parts.gate.ask(table.buckets(route, asker(scope, caller)), None)
    return Asked(caller, verdict, None)


async def find_caller(scope: Scope, route: Route | None, access: Access) -> Caller | Refusal | None:
    """Who is asking; None without a token, and where nobody needs to know. The refusal is for the route to give."""
    if route is None or route.permission is None:
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


def asker(scope: Scope, caller: Caller | Refusal | None) -> Asker:
    address = scope["client_address"]
    network = "unknown" if address is None else bucket(address)
    return Asker(network, str(caller.account_id) if isinstance(caller, Caller) else "")


def _refused(scope: Scope, refusal: Refusal) -> Response:
    scope["refused_with"] = refusal.code
    return answer_to(refusal, instance=scope["path"])
