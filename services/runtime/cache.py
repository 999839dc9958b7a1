"""Copies of answers in Redis: a copy has an end, is deleted after the commit that makes it untrue, and is never the truth.

Who finds none gets a lease to fill it, and only with that lease can it be filled. A change deletes the lease with the copy, so
a reader that was slow cannot put back what it read before the change. Of all who miss one copy, in every process, one reads
the database; the others get the copy past its time, or wait for the new one. Without Redis everybody is answered by the
database, once for all who ask at the same moment.
"""

import asyncio
import itertools
import random
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from services.runtime.engine import COMMAND_TIMEOUT_SECONDS
from services.runtime.redis import Redis, Script
from services.runtime.redis_wire import Part

ASK_EDGE = Script((Path(__file__).parent / "ask_edge.lua").read_text(encoding="utf-8"))
_FILL = Script((Path(__file__).parent / "fill_copy.lua").read_text(encoding="utf-8"))
_GIVE_BACK = Script("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")

LEASE_MS = (COMMAND_TIMEOUT_SECONDS + 1) * 1_000  # the longest read and its wait for a connection; most take a few milliseconds
WAITS_SECONDS = (0.005, 0.01, 0.02, *(0.05,) * 20)  # a second for the one who fills it, then others read it too
PATIENCE_SECONDS = 3.0  # of a thing that changes in every read, until the last read is shown
JITTER = 0.1  # of a lifetime, so that what was filled together does not end together
_INSTANT_LENGTH = 13  # milliseconds since 1970, until the year 2286


class Source(StrEnum):
    """Where an answer comes from: the header X-Cache."""

    HIT = "hit"
    MISS = "miss"
    STALE = "stale"  # past its time, while somebody reads a new one
    BYPASS = "bypass"  # the database, because that was asked for or there is no Redis


class Fill(StrEnum):
    """What became of a read that a lease allowed to be kept."""

    KEPT = "kept"
    REFUSED = "refused"  # its lease was gone: what was read may be from before a change, or somebody else was first
    FAILED = "failed"  # nothing was read, or Redis did not take it


_FILLS: dict[int | bytes | None, Fill] = {1: Fill.KEPT, None: Fill.FAILED}  # by what fill_copy.lua says


@dataclass(frozen=True, slots=True)
class Copy:
    """An answer: its body, and the headers that say something about it, as they go over the wire."""

    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def pack(self) -> bytes:
        return b"\n".join([*(b"%b:%b" % header for header in self.headers), b"", self.body])

    @classmethod
    def unpack(cls, packed: bytes) -> "Copy":
        """What lies in Redis: `fill_copy.lua` puts the instant until which it is fresh before what was packed."""
        head, _, body = packed[_INSTANT_LENGTH:].partition(b"\n\n")
        lines = (line.partition(b":") for line in head.split(b"\n"))
        return cls([(name, value) for name, _, value in lines], body)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a copy is shown as it is, and how much longer while somebody reads a new one."""

    fresh_ms: int
    stale_ms: int
    ends_with_change: bool = False  # whoever changes what it shows deletes it; else an older one may be seen until its time is over


@dataclass(frozen=True, slots=True)
class Look:
    """What there was under a key: a copy, and who may fill it if it is absent or past its time."""

    copy: Copy | None
    filler: bytes | None  # the token of whoever may; None while the copy is fresh
    is_ours: bool

    @property
    def source(self) -> Source:
        return Source.HIT if self.filler is None else Source.STALE


class _Missed(NamedTuple):
    """What nobody has a copy of, and how to read it."""

    key: str
    lifetime: Lifetime
    load: Callable[[], Awaitable[Copy]]


class Cache:
    """The copies that the processes of one deployment share. Counts what became of each question, for the metrics."""

    def __init__(self, redis: Redis | None) -> None:
        self.answered: dict[str, int] = dict.fromkeys(Source, 0)
        self.leases = 0  # to fill a copy, that this process got
        self.waits = 0  # for what somebody else fills
        self.fills: dict[str, int] = dict.fromkeys(Fill, 0)
        self._redis = redis
        self._process = secrets.token_hex(6)
        self._numbers = itertools.count()
        self._flights: dict[bytes, asyncio.Task[Copy]] = {}
        self._reading: dict[str, asyncio.Task[Copy]] = {}
        self._next: dict[str, asyncio.Task[Copy]] = {}

    @property
    def is_up(self) -> bool:
        return self._redis is not None and self._redis.is_up

    def question(self, key: str) -> tuple[Sequence[Part], Sequence[Part]]:
        """The keys and arguments with which `ask_edge.lua` looks for a copy."""
        token = f"{self._process}{next(self._numbers)}"
        return (f"copy:{key}", f"lease:{key}"), (token, LEASE_MS)

    @staticmethod
    def look(reply: Sequence[bytes | None], token: Part) -> Look:
        """What the script answered about a copy."""
        packed, *filler = reply
        found = Copy.unpack(packed) if packed is not None else None
        if not filler or filler[0] is None:
            return Look(found, None, is_ours=False)
        return Look(found, filler[0], is_ours=filler[0].decode() == token)

    async def read(
        self, key: str, lifetime: Lifetime, load: Callable[[], Awaitable[Copy]], *, look: Look | None = None
    ) -> tuple[Copy, Source]:
        """The copy of this key, or else what `load` reads. `look` is what was seen there already. Raises what `load` raises."""
        try:
            seen = look or await self._look(key)
        except RedisError:
            return await self.read_past(key, load), Source.BYPASS
        if seen.copy is not None and not seen.is_ours:
            return seen.copy, seen.source
        return await self._fly(_Missed(key, lifetime, load), seen), Source.MISS

    async def read_past(self, key: str, load: Callable[[], Awaitable[Copy]]) -> Copy:
        """One read for all who ask while another is under way. It begins after they asked: who has written sees what they wrote."""
        coming = self._next.get(key)
        if coming is None:
            coming = self._next[key] = asyncio.create_task(self._read_after(self._reading.get(key), key, load))
        return await asyncio.shield(coming)

    async def forget(self, keys: Collection[str]) -> None:
        """Delete copies and the leases to fill them. Raises RedisError: then they may be there yet."""
        if self._redis is not None:
            await self._redis.ask("DEL", *(part for key in keys for part in (f"copy:{key}", f"lease:{key}")))

    async def _look(self, key: str) -> Look:
        if self._redis is None:
            raise RedisError("there is no cache")
        keys, arguments = self.question(key)
        _, *reply = await self._redis.run(ASK_EDGE, keys, 0, *arguments)
        return self.look(reply, arguments[0])

    async def _fly(self, missed: _Missed, look: Look) -> Copy:
        """One read for all of this process who saw the same lease: it was in force when they asked, so nothing has changed since."""
        token = look.filler or b""
        if look.is_ours:
            self.leases += 1
        else:
            self.waits += 1
        # Who may fill does, even if others who saw the lease came first and wait: nobody else would.
        flight = None if look.is_ours else self._flights.get(token)
        if flight is None:
            flight = self._flights[token] = asyncio.create_task(self._get(missed, look))
            flight.add_done_callback(lambda _: self._flights.pop(token, None))
        return await asyncio.shield(flight)

    async def _get(self, missed: _Missed, look: Look) -> Copy:
        """Read and keep it, or wait for whoever does; and again, where what was read may not be kept."""
        patient_until = monotonic() + PATIENCE_SECONDS
        now = look if look.is_ours else await self._wait(missed.key)
        while now is not None:
            if now.copy is not None and not now.is_ours:
                return now.copy
            # A lease of somebody else is as good: it was in force before we read.
            copy = await (self._fill(missed, now) if now.is_ours else self.read_past(missed.key, missed.load))
            kept = await self._keep(missed, now, copy)
            if isinstance(kept, bytes):
                return Copy.unpack(kept)
            if kept != 0 or not missed.lifetime.ends_with_change or monotonic() > patient_until:
                return copy
            # Somebody else may have the lease, and keep what they read before us: who saw ours would then see an older one.
            now = await self._wait(missed.key)
        return await self.read_past(missed.key, missed.load)

    async def _fill(self, missed: _Missed, look: Look) -> Copy:
        try:
            return await missed.load()
        except BaseException:
            self.fills[Fill.FAILED] += 1
            await self._try(_GIVE_BACK, (f"lease:{missed.key}",), look.filler or b"")
            raise

    async def _keep(self, missed: _Missed, look: Look, copy: Copy) -> int | bytes | None:
        """What `fill_copy.lua` says; None without Redis."""
        lifetime = missed.lifetime
        fresh_ms = round(lifetime.fresh_ms * random.uniform(1 - JITTER, 1))  # noqa: S311  # jitter, not a secret
        keys, about = (f"copy:{missed.key}", f"lease:{missed.key}"), (look.filler or b"", fresh_ms, lifetime.stale_ms, copy.pack())
        kept: int | bytes | None = await self._try(_FILL, keys, *about)
        self.fills[_FILLS.get(kept, Fill.REFUSED)] += 1
        return kept

    async def _wait(self, key: str) -> Look | None:
        """What there is as soon as somebody else has filled it or may no longer, or after a second; None without Redis."""
        look = None
        for seconds in WAITS_SECONDS:
            await asyncio.sleep(seconds)
            try:
                look = await self._look(key)
            except RedisError:
                return None
            if look.copy is not None or look.is_ours:
                break
        return look

    async def _try(self, script: Script, keys: Sequence[Part], *arguments: Part) -> Any:
        """What the script returns, None without Redis: a copy that is not kept is read again, a lease that is not given back ends."""
        try:
            return await self._redis.run(script, keys, *arguments) if self._redis is not None else None
        except RedisError:
            return None

    async def _read_after(self, before: "asyncio.Task[Copy] | None", key: str, load: Callable[[], Awaitable[Copy]]) -> Copy:
        if before is not None:
            await asyncio.wait([before])
        mine = self._reading[key] = self._next.pop(key)
        try:
            return await load()
        finally:
            if self._reading.get(key) is mine:
                del self._reading[key]
