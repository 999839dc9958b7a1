"""Requests that are sent when they are due, by a process of its own: open model, so a stall is counted and not hidden.

    async with driving(Plan(port, asks, rps=500, seconds=10)) as going:
        ...                              # whatever happens meanwhile; going.began is second 0 by time.monotonic()
        [tally] = await going.finish()

A request for which no connection is free waits here, and that wait is part of its latency. The clock of libuv ticks in milliseconds:
what is due between two ticks leaves at the second one, so every latency is up to one longer than it was, and none is shorter.
"""

import asyncio
import pickle
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.load.lab.tallies import Tally
from tests.support.leash import Leash
from tests.support.sources import ROOT

CONNECTIONS = 128
PATIENCE_SECONDS = 5.0  # a person has gone by then
_TOGETHER_SECONDS = 0.1  # until all generators have heard when to begin
_START = struct.Struct("d")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as it goes over the wire. With a `tail`, a key that no other request has is put between the two."""

    kind: str  # what is counted together
    head: bytes
    tail: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    port: int
    asks: Sequence[Ask]  # in this order, and from the first one again
    rps: float
    seconds: float
    after_seconds: float = 0.0  # this plan begins so much later than those it is driven with
    is_poisson: bool = True  # as independent people come; else evenly
    seed: int = 1
    connections: int = CONNECTIONS  # no more than the limit of nginx, which is 200 for one address
    patience_seconds: float = PATIENCE_SECONDS  # a request that is not answered by then is given up
    wait_seconds: float | None = None  # for a connection; a request that gets none by then is never sent. None: as long as the patience
    source: str = "127.0.0.1"  # any address of 127/8: another one is another client to the limiter


def get(kind: str, path: str, token: str | None = None) -> Ask:
    return Ask(kind, f"GET {path} HTTP/1.1\r\nHost: lab\r\n{_bearer(token)}\r\n".encode())


def post(kind: str, path: str, body: bytes, token: str | None = None) -> Ask:
    """With an Idempotency-Key of its own each time."""
    head = f"POST {path} HTTP/1.1\r\nHost: lab\r\n{_bearer(token)}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return Ask(kind, f"{head}Idempotency-Key: ".encode(), b"\r\n\r\n" + body)


@dataclass(frozen=True, slots=True)
class _Sender:
    """A process, and the file into which it writes: of megabytes through a pipe, pages were seen to be lost under full load."""

    process: asyncio.subprocess.Process
    tally: Path

    async def finish(self) -> Tally:
        assert await self.process.wait() == 0, "a generator broke; what it said is above"
        tally: Tally = load(self.tally)
        return tally


class Driving:
    """Plans that are being carried out, each by a process."""

    def __init__(self, senders: Sequence[_Sender], began: float) -> None:
        self.began = began
        self._senders = senders

    @property
    def pids(self) -> list[int]:
        return [sender.process.pid for sender in self._senders]

    async def finish(self) -> list[Tally]:
        """What became of each plan, in their order, when the last is done."""
        return list(await asyncio.gather(*(sender.finish() for sender in self._senders)))


@asynccontextmanager
async def driving(*plans: Plan, leash: Leash | None = None) -> AsyncIterator[Driving]:
    """Begin with all at one moment, when all are connected. Whoever leaves early ends them."""
    senders: list[_Sender] = []
    with tempfile.TemporaryDirectory(prefix="holdfast-lab-") as folder:
        try:
            for number, plan in enumerate(plans):
                senders.append(await _spawn(plan, Path(folder) / str(number)))
                if leash:
                    leash.hold(senders[-1].process.pid)
            yield Driving(senders, await _begin(senders))
        finally:
            for sender in senders:
                with suppress(ProcessLookupError):
                    sender.process.kill()
                await sender.process.wait()
                if leash:
                    leash.let_go(sender.process.pid)


async def drive(plan: Plan, *, leash: Leash | None = None) -> Tally:
    """Carry it out, from the beginning to the end."""
    async with driving(plan, leash=leash) as going:
        [tally] = await going.finish()
    return tally


async def _begin(senders: Sequence[_Sender]) -> float:
    """When all do, by time.monotonic()."""
    for sender in senders:
        assert sender.process.stdout
        assert await sender.process.stdout.readline() == b"ready\n", "a generator found nobody to talk to"
    began = time.monotonic() + _TOGETHER_SECONDS
    for sender in senders:
        assert sender.process.stdin
        sender.process.stdin.write(_START.pack(began))
    return began


async def _spawn(plan: Plan, name: Path) -> _Sender:
    asked, tally = name.with_suffix(".plan"), name.with_suffix(".tally")
    asked.write_bytes(pickle.dumps(plan))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.load.lab.generator", str(asked), str(tally)),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for whoever drives; a leash ends groups
    )
    return _Sender(process, tally)


def load(written: Path) -> Any:
    """What the other side put there."""
    return pickle.loads(written.read_bytes())  # noqa: S301  # of ours


def _bearer(token: str | None) -> str:
    return f"Authorization: Bearer {token}\r\n" if token else ""
