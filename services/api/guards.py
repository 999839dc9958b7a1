"""What a request must be, and how many there may be, before any of our code looks at one.

A body is read whole before its request counts: a client that sends slowly then holds memory for 64 KiB, and no place
that others wait for. Inside CORS, so that a browser may read these refusals too.
"""

import asyncio
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.counts import Counts
from services.api.errors import answer_to, internal_error, refuse_unread
from services.api.messages import replaying, whole_body
from services.runtime.errors import Overloaded

AUTHORIZATION_BYTES_MAX = 4_096  # before anybody decodes it: 8 MB of token would cost half a second
BODY_BYTES_MAX = 65_536  # FastAPI's own limit would answer in plain text, without an id and without a log line
BODY_SECONDS = 10  # for all of it, however many bytes a second arrive
IN_FLIGHT_MAX = 1_000  # of one process: so many may wait for one cold key; what waits for the database goes after a second
HOLD_BACK = "holdfast.hold_back"  # an ASGI extension of our server (services/api/protocol.py): a function to call

_ALWAYS_ANSWERED = {"/livez", "/readyz"}  # a supervisor must not take being busy for being dead


class BodyTooLarge(Exception):
    """More has arrived than a body may have."""


class TooManyInFlight(Overloaded):
    def __init__(self) -> None:
        super().__init__("more requests are being answered than this process can answer in time; try again shortly")


class Guards:
    """Wraps everything that does work."""

    def __init__(self, app: ASGIApp, counts: Counts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._admit(scope, receive)
            await answer(scope, receive, send)
            if scope.get("refused_with") == Overloaded.code:
                _hold_back(scope)
        except ClientDisconnect:
            return  # before the request was complete: there is nothing to do, and nobody to tell
        except Exception as error:
            scope["error"] = error  # for the log line
            if "status" in scope:  # half of an answer has left; only closing the connection says so
                raise
            await internal_error(scope["path"])(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive) -> ASGIApp:
        """What answers this request: the app, or a refusal."""
        headers = dict(scope["headers"])
        if len(headers.get(b"authorization", b"")) > AUTHORIZATION_BYTES_MAX:
            return refuse_unread(scope, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        announced = headers.get(b"content-length", b"")
        if not announced and b"transfer-encoding" not in headers:
            return self._run
        if announced.isdigit() and int(announced) > BODY_BYTES_MAX:
            return refuse_unread(scope, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            return self._with(await _read(receive))
        except BodyTooLarge:
            return refuse_unread(scope, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except TimeoutError:
            return refuse_unread(scope, HTTPStatus.REQUEST_TIMEOUT)

    def _with(self, body: Message) -> ASGIApp:
        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            await self._run(scope, replaying(body, receive), send)

        return run

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._counts.in_flight >= IN_FLIGHT_MAX and scope["path"] not in _ALWAYS_ANSWERED:
            scope["refused_with"] = TooManyInFlight.code
            await answer_to(TooManyInFlight(), instance=scope["path"])(scope, receive, send)
            return
        self._counts.in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._counts.in_flight -= 1


def _hold_back(scope: Scope) -> None:
    """Let this client wait at the door, if the server can: it has its answer, and sends the next request before it should."""
    hold = scope.get("extensions", {}).get(HOLD_BACK)
    if hold is not None:
        hold()


async def _read(receive: Receive) -> Message:
    """The whole body as one message. Raises BodyTooLarge, TimeoutError, ClientDisconnect."""
    body = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > BODY_BYTES_MAX:
                raise BodyTooLarge
            if not message.get("more_body"):
                return whole_body(bytes(body))
