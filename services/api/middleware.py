"""What happens around every request: an id, who is asking, one log line, and headers that keep browsers from harm.

Pure ASGI: a BaseHTTPMiddleware would cost each request more than its routing does.
"""

import re
import time
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.client_address import TrustedProxies
from services.api.counts import NO_ROUTE, Counts
from services.api.once import REPLAYED_HEADER
from services.inventory.accounts.model import AccountId
from services.runtime.error_reporting import reporting
from services.runtime.ids import request_id_text
from services.runtime.logs import Same, facts_said, log, log_often, request_id
from services.runtime.trips import Trips, count_trips

SAFE_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"), (b"referrer-policy", b"no-referrer"))

_ENCRYPTED_ONLY = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")  # browsers ask in clear no more for a year
NOT_FOR_OTHERS = (b"cache-control", b"private, no-store")
_ACCEPTED_ID = re.compile(rb"[A-Za-z0-9-]{8,64}")
_REPLAYED = REPLAYED_HEADER.lower().encode()
ALIKE_MAX = 1_024  # routes, statuses and codes that occur together are some hundreds
_QUIET = {"/livez", "/readyz"}  # asked every few seconds, and of interest only when they fail

_Alike: TypeAlias = tuple[str, str, int | None, str | None, str | None]  # method, route, status, cache, code


class EveryRequest:
    """Wraps the whole app."""

    def __init__(self, app: ASGIApp, proxies: TrustedProxies, counts: Counts) -> None:
        self._app = app
        self._proxies = proxies
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        scope["path"] = path_of(scope)
        self._proxies.mark(scope)
        own_id = id_of(scope)
        token = request_id.set(own_id.decode())
        if "trips" not in scope:  # the fast path may have begun to count
            scope["trips"] = count_trips()
        try:
            await self._app(scope, receive, self._with_headers(scope, own_id, send))
        finally:
            route, seconds = _route_of(scope), time.perf_counter() - started
            self._counts.ended(route, scope["method"], scope.get("status"), seconds)
            if "refused_with" in scope:
                self._counts.refusals[scope["refused_with"]] += 1
            if scope["path"] not in _QUIET or scope.get("status") != HTTPStatus.OK:
                log_request(scope, route, seconds, own_id)
            request_id.reset(token)

    def _with_headers(self, scope: Scope, own_id: bytes, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["status"] = message["status"]
                self._counts.replays += any(name == _REPLAYED for name, _ in message["headers"])
                add_headers(message["headers"], scope, own_id)
            await send(message)

        return send_with_headers


def add_headers(headers: list[tuple[bytes, bytes]], scope: Scope, own_id: bytes) -> None:
    """Those of every answer, behind its own."""
    headers += ((b"x-request-id", own_id), *SAFE_HEADERS)
    if scope["scheme"] == "https":
        headers.append(_ENCRYPTED_ONLY)
    if all(name != b"cache-control" for name, _ in headers):
        headers.append(NOT_FOR_OTHERS)


def log_request(scope: Scope, route: str, seconds: float, own_id: bytes) -> None:
    """The line says what the layers within have left in the scope: status, trips, x_cache, refused_with, account_id, error."""
    trips: Trips = scope["trips"]
    left = scope.get
    alike = (scope["method"], route, left("status"), left("x_cache"), left("refused_with"))
    what = (alike, seconds, trips.database, trips.redis, own_id, left("account_id"))
    if "error" in scope:
        log.error(exc_info=scope["error"], **facts_said(_say, what))
        reporting.report(scope["error"], route=route)
    else:
        log_often(_say, what)


def _say(what: tuple[_Alike, float, int, int, bytes, AccountId | None]) -> tuple[Same, bytes]:
    """Of what `log_request` has found. Plain tuples, and JSON by hand: names and a serializer take a request longer."""
    alike, seconds, database_trips, redis_trips, own_id, account_id = what
    own = b'"duration_ms":%.1f,"database_trips":%d,"redis_trips":%d,"request_id":"%b"' % (
        seconds * 1_000,
        database_trips,
        redis_trips,
        own_id,
    )
    if account_id is not None:
        own += b',"account_id":"%b"' % str(account_id).encode()
    return _same(alike), own


@lru_cache(ALIKE_MAX)
def _same(alike: _Alike) -> Same:
    """In the order that a reader wants."""
    method, route, status, cache, code = alike
    known = {name: fact for name, fact in (("cache", cache), ("code", code)) if fact is not None}
    return Same("request", {"method": method, "route": route, "status": status} | known)


def path_of(scope: Scope) -> str:
    """The decoded path, except that a slash within a segment stays %2F, and % stays %25 to keep that reversible."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%2" not in raw:
        return str(scope["path"])
    kept = raw.partition(b"?")[0].decode("ascii", errors="replace")
    for escape in ("%25", "%2F", "%2f"):
        kept = kept.replace(escape, escape.upper().replace("%", "%25"))
    return unquote(kept)


def id_of(scope: Scope) -> bytes:
    """The caller's id if it is harmless in a log, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ACCEPTED_ID.fullmatch(value):
            return bytes(value)
    return request_id_text().encode()


def _route_of(scope: Scope) -> str:
    """The template of the path, never the path: that holds ids, and whatever a scanner makes up."""
    templates: Mapping[object, str] = scope["app"].state.templates if "app" in scope else {}
    return templates.get(scope.get("endpoint"), NO_ROUTE)
