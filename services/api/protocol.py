"""What the server demands before there is a request, and of those who do not read its answers.

uvicorn waits for ever for the second half of a head, takes a head of any size, queues as many pipelined requests as somebody
sends, and keeps an answer until it is fetched. An app never sees any of it, so the limits are here. It is what uvicorn itself
uses (httptools), with these limits around it; where nothing is wrong, the cost is a few comparisons for each read.
"""

import asyncio
import random
from collections.abc import Iterable
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from services.api.errors import code_unparsed, refuse_unparsed
from services.api.guards import HOLD_BACK
from services.api.middleware import NOT_FOR_OTHERS, SAFE_HEADERS
from services.runtime.ids import request_id_text
from services.runtime.logs import log, request_id

HEAD_SECONDS = 5  # from its first byte to its last; the first head of a connection from when that was made
HEAD_JITTER = 0.1
HEAD_BYTES_MAX = 32_768  # several times what browsers and proxies together send
REQUEST_LINE_BYTES_MAX = 8_192  # what proxies in front of us take
PIPELINED_MAX = 100  # requests of one connection that wait for their turn; clients that pipeline at all send a few dozen
UNREAD_SECONDS = 30  # for an answer to leave, at 10 KB a second for the largest page
LINGER_SECONDS = 2  # to read a refusal while still sending; a close at once would be a reset, which can take the answer with it
OVERLOADS_PER_SECOND = 250  # that we answer; each costs a few tenths of a millisecond
HELD_BACK_SECONDS_MAX = 2.0  # what Retry-After says is about as long
CONNECTIONS_MAX = 4_000  # of one process, each some 10 KB; more than that are refused at once


class Refused(Exception):
    """Stops the parser, which makes uvicorn call send_400_response."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    _wire: asyncio.Transport
    scope: Scope | None  # type: ignore[assignment]  # theirs begin as None without saying so
    cycle: RequestResponseCycle | None  # type: ignore[assignment]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_deaf = False  # what still arrives is thrown away
        self._is_closing = False
        self._head_bytes = 0  # of the head that is arriving, without the chunk in which it began
        self._chunk_bytes = 0
        self._refused_with = HTTPStatus.BAD_REQUEST
        self._unsent: list[bytes] = []
        self._extensions = {HOLD_BACK: self.hold_back}
        self._head_deadline: asyncio.TimerHandle | None = None
        self._abort_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        self._wire = transport
        # All that uvicorn uses of a transport, with our own way to close it.
        self.transport = SimpleNamespace(  # type: ignore[assignment]
            write=self._write,
            pause_reading=transport.pause_reading,
            resume_reading=transport.resume_reading,
            get_extra_info=transport.get_extra_info,
            is_closing=lambda: self._is_closing or transport.is_closing(),
            close=self._close,
        )
        super().connection_made(self.transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
            return
        self._begin_head_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self._end_head_deadline()
        self._end_abort_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        scope = self.scope
        self._chunk_bytes = len(data)
        if self._is_in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._refuse_head()
            return
        super().data_received(data)
        if self._is_in_head:
            # Of a head that began in the middle of a chunk only the parser knows its size, and a chunk is small.
            self._head_bytes = self._head_bytes + len(data) if self.scope is scope else 0
        if self._head_deadline is None and self._is_waiting and not self._is_deaf:
            self._begin_head_deadline()

    def on_headers_complete(self) -> None:
        self._end_head_deadline()
        fault = self._find_fault()
        if fault is not None:
            self._refused_with = fault
            raise Refused(fault)
        self._head_bytes = 0
        self.scope["extensions"] = self._extensions  # type: ignore[index]  # there is one while a head is read
        super().on_headers_complete()
        if self.parser.should_upgrade() and self.cycle is not None:
            self.cycle.keep_alive = False  # what follows would be another protocol's, so uvicorn throws it away

    def hold_back(self) -> None:
        """Read nothing more from this client for a while: the longer, the more clients there are.

        Thousands who come back at once leave the loop no time for those who were let in, however cheap each refusal is.
        """
        self._wire.pause_reading()
        seconds = min(len(self.connections) / OVERLOADS_PER_SECOND, HELD_BACK_SECONDS_MAX)
        self.loop.call_later(seconds * random.uniform(0.5, 1.5), self._read_on)  # noqa: S311  # not all at once

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # theirs says nothing that ours does not
        self._refuse(self._refused_with)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._abort_after(UNREAD_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._is_closing:
            self._end_abort_deadline()

    @property
    def _is_in_head(self) -> bool:
        return self.scope is None or "method" not in self.scope

    @property
    def _is_waiting(self) -> bool:
        """Whether the client owes us the rest of a head, or sends what belongs to no request that anybody waits for."""
        is_idle = self.timeout_keep_alive_task is None and self.cycle is not None and self.cycle.response_complete
        return self._is_in_head or is_idle

    def _find_fault(self) -> HTTPStatus | None:
        """Why this head becomes no request."""
        names = [name for name, _ in self.headers]
        if self._head_bytes + self._chunk_bytes > REQUEST_LINE_BYTES_MAX:  # or it cannot be too large
            if len(self.url) > REQUEST_LINE_BYTES_MAX:
                return HTTPStatus.REQUEST_URI_TOO_LONG
            if sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_BYTES_MAX:
                return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if names.count(b"host") != 1 and (b"host" in names or self.parser.get_http_version() != "1.0"):
            return HTTPStatus.BAD_REQUEST  # RFC 9112 3.2: of two hosts, a proxy may have read the other
        if self.parser.should_upgrade() and (b"content-length" in names or b"transfer-encoding" in names):
            return HTTPStatus.BAD_REQUEST  # uvicorn would take the body for what comes after the upgrade, or for the next request
        if len(self.pipeline) >= PIPELINED_MAX:
            return HTTPStatus.BAD_REQUEST  # which nobody sees: the connection ends after those that wait
        return None

    def _on_head_deadline(self) -> None:
        self._head_deadline = None
        if self.flow.read_paused:  # by us, until earlier requests are answered
            self._begin_head_deadline()
        elif self.scope is not None and self._is_in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self._close()  # nothing was asked, so nothing is answered

    def _read_on(self) -> None:
        if not self.flow.read_paused and not self._wire.is_closing():
            self._wire.resume_reading()

    def _refuse_head(self) -> None:
        is_line = not self.headers and len(self.url) > REQUEST_LINE_BYTES_MAX
        self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG if is_line else HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer and close; or only close, after what is being answered: a second answer would be taken for the first one's."""
        self._is_deaf = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self._is_in_head or self.pipeline or cycle.response_started:
                cycle.keep_alive = False
                return
            cycle.disconnected = True  # its body is broken: whoever reads it waits no longer
            cycle.message_event.set()
        self.app.state.counts.refused_unparsed(status, code_unparsed(status))
        self._write(_refusal(status, self.server_state.default_headers))
        self._close()

    def _write(self, data: bytes) -> None:
        """Together with what else is said in this turn of the loop: a head and its body are one call of the system, and not two."""
        if not self._unsent:
            self.loop.call_soon(self._flush)
        self._unsent.append(data)

    def _flush(self) -> None:
        if self._unsent:
            if not self._wire.is_closing():  # the client may have hung up since
                self._wire.write(b"".join(self._unsent))
            self._unsent.clear()

    def _close(self) -> None:
        """Say that nothing more comes, and leave time to read what was said."""
        if self._is_closing:
            return
        self._flush()
        self._is_closing = True
        is_being_sent_to = self._is_deaf or (self.cycle is not None and self.cycle.more_body)
        self._is_deaf = True
        if is_being_sent_to and self._wire.can_write_eof():
            self._wire.write_eof()
            self.flow.resume_reading()
        else:
            self._wire.close()
        self._abort_after(LINGER_SECONDS)

    def _abort_after(self, seconds: float) -> None:
        self._end_abort_deadline()
        self._abort_deadline = self.loop.call_later(seconds, self._wire.abort)

    def _end_abort_deadline(self) -> None:
        if self._abort_deadline is not None:
            self._abort_deadline.cancel()
            self._abort_deadline = None

    def _begin_head_deadline(self) -> None:
        # Hundreds who connect together and then say nothing would all be refused in one turn of the loop.
        seconds = HEAD_SECONDS * random.uniform(1 - HEAD_JITTER, 1)  # noqa: S311  # no secret
        self._head_deadline = self.loop.call_later(seconds, self._on_head_deadline)

    def _end_head_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None


def _refusal(status: HTTPStatus, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The whole answer, and its line in the log."""
    own_id = request_id_text()
    token = request_id.set(own_id)
    try:
        answer = refuse_unparsed(status)
        log.info("request", route="(no request)", status=int(status))
    finally:
        request_id.reset(token)
    lines = (*headers, (b"x-request-id", own_id.encode()), *SAFE_HEADERS, NOT_FOR_OTHERS, *answer.raw_headers)
    return b"".join((STATUS_LINE[status], *(b"%b: %b\r\n" % line for line in lines), b"\r\n", bytes(answer.body)))
