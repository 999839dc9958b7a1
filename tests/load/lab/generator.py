"""The process that sends: raw HTTP/1.1 over connections that stay open. `arrivals.py` starts it and hears its tally.

    python -m tests.load.lab.generator PLAN TALLY

It shares the cores with what it measures, so a request must cost it little: no library, one parse of the head, nothing made twice.
"""

import asyncio
import gc
import os
import pickle
import struct
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import uvloop

from tests.load.lab.arrivals import Plan, load
from tests.load.lab.schedule import instants, rendered
from tests.load.lab.tallies import BROKEN, GIVEN_UP, UNSENT, Tally

_TICK_SECONDS = 0.001  # what libuv can do; asked for less, it would spin
_SWEEP_SECONDS = 0.1  # how often those are looked for whom nobody answers
_RECONNECT_SECONDS = 0.05  # after a refusal, so that 128 connections do not keep a core busy with trying
_CONNECTED_AT_ONCE = 8  # so that every worker of an API gets its share of them
_BODILESS = (204, 304)


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, generator: "Generator") -> None:
        self._generator = generator
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self.due: float | None = None  # of the request that it carries
        self._kind = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of a socket, so one that writes
        self._transport = transport
        self._generator.is_free(self)

    def send(self, due: float, kind: int, data: bytes) -> None:
        assert self._transport
        self.due, self._kind = due, kind
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        if end < 0 or len(data) < end + 4 + _length(data, end):
            self._buffer = data
            return
        self._buffer = b""
        self._generator.received += len(data)
        self._is_over(int(data[9:12]))
        self._generator.is_free(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # whatever it was
        self._is_over(BROKEN)
        self._generator.is_lost(self)

    def give_up(self) -> None:
        """Nobody answers. What would come later is nobody's answer, so the connection ends too."""
        assert self._transport
        self._is_over(GIVEN_UP)
        self._transport.abort()

    def close(self) -> None:
        if self._transport:
            self._transport.abort()

    def _is_over(self, status: int) -> None:
        if self.due is not None:
            self._generator.file(self._kind, status, self.due)
            self.due = None


class Generator:
    """Carries out one plan."""

    def __init__(self, plan: Plan) -> None:
        kinds = tuple(dict.fromkeys(ask.kind for ask in plan.asks))
        self.tally = Tally(kinds, plan.seconds)
        self.received = 0
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._asks = rendered(plan, kinds)
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._waiting: deque[tuple[float, int, bytes]] = deque()
        self._began = 0.0
        self._is_all_sent = self._is_ending = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        """All of them; who finds nobody raises OSError."""
        for first in range(0, self._plan.connections, _CONNECTED_AT_ONCE):
            wanted = range(first, min(first + _CONNECTED_AT_ONCE, self._plan.connections))
            await asyncio.gather(*(self._connect() for _ in wanted))

    async def run(self, began: float) -> Tally:
        """Send all, then wait for the last answers."""
        self._began = began + self._plan.after_seconds
        self._instants = instants(self._plan)
        await asyncio.sleep(self._began - time.monotonic())
        cpu = time.process_time()
        self._due = self._began + next(self._instants)
        self._tick()
        while not self._is_all_sent or self._waiting or any(one.due is not None for one in self._open):
            await asyncio.sleep(_SWEEP_SECONDS)
            self._sweep()
        self.tally.cpu_seconds = time.process_time() - cpu
        self.tally.bytes_received = self.received
        self._is_ending = True
        for one in self._open:
            one.close()
        return self.tally

    def is_free(self, connection: Connection) -> None:
        if self._waiting:
            connection.send(*self._waiting.popleft())
        else:
            self._idle.append(connection)

    def is_lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._is_ending:
            task = self._loop.create_task(self._reconnect())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def file(self, kind: int, status: int, due: float) -> None:
        """A request is over."""
        tally = self.tally
        tally.kind.append(kind)
        tally.status.append(status)
        tally.due.append(due - self._began + self._plan.after_seconds)
        tally.latency.append(time.monotonic() - due)

    def _tick(self) -> None:
        """Send what is due by now."""
        now = time.monotonic()
        last = self._began + self._plan.seconds
        while self._due <= now:
            if self._due >= last:
                self._is_all_sent = True
                return
            self.tally.late.append(now - self._due)
            kind, data = next(self._asks)
            if self._idle:
                self._idle.popleft().send(self._due, kind, data)
            else:
                self._waiting.append((self._due, kind, data))
            self._due = self._began + next(self._instants)
        self._loop.call_later(max(self._due - now, _TICK_SECONDS), self._tick)

    def _sweep(self) -> None:
        now, patience = time.monotonic(), self._plan.patience_seconds
        waits = self._plan.wait_seconds if self._plan.wait_seconds is not None else patience
        while self._waiting and self._waiting[0][0] < now - waits:
            due, kind, _ = self._waiting.popleft()
            self.file(kind, UNSENT, due)
        for one in [one for one in self._open if one.due is not None and one.due < now - patience]:
            one.give_up()

    async def _connect(self) -> None:
        local = (self._plan.source, 0)
        _, connection = await self._loop.create_connection(lambda: Connection(self), "127.0.0.1", self._plan.port, local_addr=local)
        self._open.add(connection)
        self.tally.connects += 1

    async def _reconnect(self) -> None:
        while not self._is_ending:
            try:
                await self._connect()
                return
            except OSError:
                if self._waiting:  # it was for this one that a client would have connected
                    due, kind, _ = self._waiting.popleft()
                    self.file(kind, BROKEN, due)
                await asyncio.sleep(_RECONNECT_SECONDS)


def _length(data: bytes, end: int) -> int:
    """Of the body."""
    at = data.find(b"content-length: ", 0, end)
    if at < 0:
        at = data[:end].lower().find(b"content-length: ")
    if at >= 0:
        return int(data[at + 16 : data.find(b"\r", at)])
    assert int(data[9:12]) in _BODILESS, data[:end]
    return 0


async def carry_out(plan: Plan) -> Tally:
    asyncio.get_running_loop().set_exception_handler(_end)
    generator = Generator(plan)
    await generator.connect()
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    [began] = struct.unpack("d", await asyncio.to_thread(sys.stdin.buffer.read, 8))
    gc.collect()
    gc.freeze()
    gc.disable()  # nothing here makes cycles, and a collection in mid-run would be a stall of ours
    return await generator.run(began)


def _end(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A callback of ours is broken, and so is every figure that it would lead to."""
    loop.default_exception_handler(context)
    sys.stderr.flush()
    os._exit(1)


def main() -> None:
    plan, tally = map(Path, sys.argv[1:])
    tally.write_bytes(pickle.dumps(uvloop.run(carry_out(load(plan)))))


if __name__ == "__main__":
    main()
