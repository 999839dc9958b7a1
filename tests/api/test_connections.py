"""Without these, clients that do not read their answers, or simply are too many, use up the process."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from services.api import protocol
from services.api.guards import HOLD_BACK
from tests.support.eventually import eventually
from tests.support.processes import Processes
from tests.support.program import free_port
from tests.support.wire import wire

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[uvicorn.Server]:
    """The app behind our protocol, in the test's own process."""
    port = free_port()
    config = uvicorn.Config(app, port=port, http=protocol.GuardedProtocol, lifespan="off", ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())

    async def has_started() -> bool:
        return server.started

    await eventually(has_started, within_seconds=10)
    yield server
    server.should_exit = True
    await serving


def saying(body: bytes, *, holding_back: bool = False) -> ASGIApp:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})
        if holding_back:
            scope["extensions"][HOLD_BACK]()

    return app


@pytest.mark.parametrize("body", [b"x" * 50_000_000, b"x" * 6_000_000], ids=["while it is sent", "once it is all written"])
async def test_an_answer_that_nobody_reads_is_not_kept(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.3)

    async with served(saying(body)) as server, wire(server.config.port) as connection:
        connection.reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001  # a client that looks away
        connection.say(GET * 3)

        async def has_come() -> bool:
            return bool(server.server_state.total_requests or server.server_state.connections)

        async def is_gone() -> bool:
            return not server.server_state.connections and not server.server_state.tasks

        await eventually(has_come, within_seconds=10)
        await eventually(is_gone, within_seconds=10)


async def test_more_connections_than_there_may_be_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "CONNECTIONS_MAX", 1)

    async with served(saying(b"hello")) as server, wire(server.config.port) as first:
        first.say(GET)
        assert (await first.hear()).content == b"hello"
        async with wire(server.config.port) as second:
            assert await second.ends()
        first.say(GET)
        assert (await first.hear()).content == b"hello"


async def test_who_is_held_back_is_read_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "OVERLOADS_PER_SECOND", 1)

    async with served(saying(b"hello", holding_back=True)) as server, wire(server.config.port) as connection:
        connection.say(GET)
        assert (await connection.hear()).content == b"hello"
        answered = monotonic()
        connection.say(GET)
        assert (await connection.hear()).content == b"hello"

    assert monotonic() - answered > 0.4


async def test_a_client_that_hangs_up_before_its_answer_is_nobodys_error(processes: Processes) -> None:
    running = await processes.api(workers=1)

    for _ in range(300):
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its end is a reset
            client.sendall(GET * 20)

    await running.until_ready()
    assert "Exception" not in running.program.tail
