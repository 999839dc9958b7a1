"""A network that misbehaves on command, between a process and a real server."""

import asyncio
import random
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.support.postgres_wire import Conversation

_CHUNK_BYTES = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER without time to linger: the peer sees a reset, not an end

Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class WithheldAnswer:
    """What PostgreSQL answers to one statement, kept from the client."""

    def __init__(self, pattern: str) -> None:
        self.answered = asyncio.Event()  # the server is done: unless it failed, what the statement did is committed
        self.failed = False
        self.released = asyncio.Event()
        self._pattern = re.compile(pattern, re.IGNORECASE)

    def is_answer_to(self, sql: str) -> bool:
        return self._pattern.search(sql) is not None


class FaultProxy:
    """Passes bytes on: late, never, or half-way. `fault_proxy` starts one."""

    def __init__(self, url: str) -> None:
        self.latency_seconds = 0.0  # each way
        self.jitter_seconds = 0.0  # at most so much more; what one side says still arrives in its order
        self.close_delay_seconds = 0.0  # how long one side does not hear that the other has gone
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.withheld: WithheldAnswer | None = None
        self._target = urlsplit(url)
        self._port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def url(self) -> str:
        """The server's own URL, by way of the proxy."""
        credentials, at, _ = self._target.netloc.rpartition("@")
        return self._target._replace(netloc=f"{credentials}{at}127.0.0.1:{self._port}").geturl()

    async def listen(self) -> None:
        """Take connections; again on the same port after `refuse`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Refuse new connections, like a server that is down, until `listen`."""
        if self._server:
            self._server.close()

    def hang(self) -> None:
        """Take connections and bytes but pass nothing on, like a server that is stopped, until `resume`."""
        self.flowing.clear()

    def resume(self) -> None:
        self.flowing.set()

    async def reset(self) -> None:
        """Break every open connection, as a machine that went down does."""
        broken = list(self._connections)
        for connection in broken:
            connection.reset()
        await asyncio.gather(*(connection.over.wait() for connection in broken))

    def withhold_answer_to(self, pattern: str) -> WithheldAnswer:
        """Keep back all that PostgreSQL says on the next connection that runs a statement matching this, such as `^COMMIT`.

        The statement itself passes. Once `answered` is set the client can be killed between commit and answer.
        """
        self.withheld = WithheldAnswer(pattern)
        return self.withheld

    def take_withheld(self, statements: list[str]) -> WithheldAnswer | None:
        """The withheld answer, for the first connection that runs its statement and for no other."""
        if self.withheld is None or not any(self.withheld.is_answer_to(sql) for sql in statements):
            return None
        taken, self.withheld = self.withheld, None
        return taken

    async def _serve(self, *client: *Side) -> None:
        try:
            server = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            _reset(client[1])
            return
        connection = _Connection(self, client, server, Conversation() if self._target.scheme == "postgresql" else None)
        self._connections.add(connection)
        await connection.until_over()
        self._connections.discard(connection)


class _Connection:
    def __init__(self, proxy: FaultProxy, client: Side, server: Side, conversation: Conversation | None) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._conversation = conversation
        self._withheld: WithheldAnswer | None = None

        self._pumps = (asyncio.create_task(self._pump_to_server()), asyncio.create_task(self._pump_to_client()))
        self.over = asyncio.Event()
        self._broken = asyncio.Event()

    async def until_over(self) -> None:
        # Whoever goes first ends it for both: none of our protocols closes one direction alone.
        await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._broken.wait(), self._proxy.close_delay_seconds)
        self._cancel_pumps()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for _, writer in (self._client, self._server):
            writer.close()
        self.over.set()

    def reset(self) -> None:
        self._broken.set()
        self._cancel_pumps()
        for _, writer in (self._client, self._server):
            _reset(writer)

    def _cancel_pumps(self) -> None:
        for pump in self._pumps:
            pump.cancel()

    async def _pump_to_server(self) -> None:
        while data := await self._client[0].read(_CHUNK_BYTES):
            if self._conversation:
                # Before the bytes leave: an answer could otherwise overtake the decision to keep it.
                statements = self._conversation.client_says(data)
                self._withheld = self._withheld or self._proxy.take_withheld(statements)
            await self._pass_on(data, self._server[1])

    async def _pump_to_client(self) -> None:
        kept = b""
        while data := await self._server[0].read(_CHUNK_BYTES):
            kept += data
            if self._conversation:
                self._conversation.server_says(data)
            if self._withheld and self._conversation:
                if not self._conversation.is_answered:
                    continue
                self._withheld.failed = self._conversation.failed
                self._withheld.answered.set()
                await self._withheld.released.wait()
                self._withheld = None
            await self._pass_on(kept, self._client[1])
            kept = b""

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._proxy.latency_seconds + random.uniform(0, self._proxy.jitter_seconds))
        await self._proxy.flowing.wait()
        writer.write(data)
        await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


@asynccontextmanager
async def fault_proxy(url: str) -> AsyncIterator[FaultProxy]:
    """A proxy before the server of this URL, for as long as the context lasts."""
    proxy = FaultProxy(url)
    await proxy.listen()
    try:
        yield proxy
    finally:
        proxy.refuse()
        await proxy.reset()
