"""What happens around every request: an id, one log line, safe headers, and a 500 that says nothing.

Pure ASGI: a BaseHTTPMiddleware would cost each request more than its routing does.
"""

import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.errors import body_too_large, internal_error
from services.runtime.ids import new_id
from services.runtime.logs import log, request_id

BODY_BYTES_MAX = 65_536  # FastAPI's own limit would answer in plain text, without an id and without a log line

_ACCEPTED_ID = re.compile(rb"[A-Za-z0-9-]{8,64}")
_QUIET = {"/livez", "/readyz"}  # asked every few seconds, and of interest only when they fail


class EveryRequest:
    """Wraps the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = _path_of(scope)
        token = request_id.set(_id_of(scope))
        exchange = _Exchange(scope, receive, send)
        try:
            app = body_too_large(scope) if _is_too_large(scope) else self._app
            await app(scope, exchange.receive, exchange.send)
        except Exception as error:
            exchange.error = error
            if exchange.status is not None:  # half of an answer has left; only closing the connection says so
                raise
            await internal_error(scope["path"])(scope, receive, exchange.send)
        finally:
            exchange.log()
            request_id.reset(token)


class _Exchange:
    """One request and what became of it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.status: int | None = None
        self.error: Exception | None = None
        self._scope = scope
        self._receive = receive
        self._send = send
        self._bytes_received = 0
        self._started = time.perf_counter()

    async def receive(self) -> Message:
        message = await self._receive()
        self._bytes_received += len(message.get("body", b""))
        if self._bytes_received > BODY_BYTES_MAX:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = request_id.get() or ""
            headers["X-Content-Type-Options"] = "nosniff"
            headers["X-Frame-Options"] = "DENY"
            headers["Referrer-Policy"] = "no-referrer"
            headers.setdefault("Cache-Control", "private, no-store")
        await self._send(message)

    def log(self) -> None:
        if self._scope["path"] in _QUIET and self.status == HTTPStatus.OK:
            return
        facts: dict[str, Any] = {
            "method": self._scope["method"],
            "route": _route_of(self._scope),
            "status": self.status,
            "duration_ms": round((time.perf_counter() - self._started) * 1000, 1),
        }
        for name, key in (("code", "refused_with"), ("account_id", "account_id")):
            if key in self._scope:
                facts[name] = str(self._scope[key])
        if self.error is not None:
            log.error("request", exc_info=self.error, **facts)
        else:
            log.info("request", **facts)


def _path_of(scope: Scope) -> str:
    """The decoded path, except that a slash within a segment stays %2F, and % stays %25 to keep that reversible."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%2" not in raw:
        return str(scope["path"])
    kept = raw.partition(b"?")[0].decode("ascii", errors="replace")
    for escape in ("%25", "%2F", "%2f"):
        kept = kept.replace(escape, escape.upper().replace("%", "%25"))
    return unquote(kept)


def _is_too_large(scope: Scope) -> bool:
    """As far as the headers say; what arrives is counted too."""
    announced = (value for name, value in scope["headers"] if name == b"content-length")
    return any(value.isdigit() and int(value) > BODY_BYTES_MAX for value in announced)


def _id_of(scope: Scope) -> str:
    """The caller's id if it is harmless in a log, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ACCEPTED_ID.fullmatch(value):
            return str(value.decode())
    return str(new_id())


def _route_of(scope: Scope) -> str:
    """The template of the path, never the path: that holds ids, and whatever a scanner makes up."""
    templates: Mapping[object, str] = scope["app"].state.templates if "app" in scope else {}
    return templates.get(scope.get("endpoint"), "(no route)")
