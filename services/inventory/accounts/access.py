"""Whose an access token is, and whether it still counts.

A genuine token is worth nothing once its session has ended, its account was disabled or its role has changed. Each process
knows which those are as of at most half a second ago: the request that finds its knowledge older rereads what is new, and
those that come meanwhile wait for that one. So a request costs no query, and a revocation is effective within a second.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts import revoking
from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.keys import KeyRing
from services.inventory.accounts.model import ACCESS_SECONDS
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.tokens import TOKEN_LENGTH_MAX, AccessToken, Tokens, Verified
from services.runtime.database import Database

REREAD_SECONDS = 0.5
OVERLAP_SECONDS = 60  # a revocation is stamped before it commits, and no transaction of ours takes as long
REMEMBERED_MAX = 10_000  # tokens, of some 600 bytes each
REMEMBERED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reading:
    """What the database said."""

    ring: KeyRing
    revoked: Mapping[UUID, datetime]  # sessions and accounts, and up to when
    at: datetime  # by the database's clock
    asked_at: float  # by ours, which only goes forward and means nothing elsewhere

    def now(self) -> datetime:
        """By the database's clock."""
        return self.at + timedelta(seconds=time.monotonic() - self.asked_at)

    def lets_in(self, verified: Verified) -> bool:
        """Whether a token that was genuine a moment ago still counts."""
        now = self.now()
        return verified.is_live(now) and self.ring.verifying(verified.kid, now) and not self._is_revoked(verified)

    def _is_revoked(self, verified: Verified) -> bool:
        """A session that has ended never comes back; an account goes on with tokens that were issued later."""
        caller = verified.caller
        until = self.revoked.get(caller.account_id)
        return caller.session_id in self.revoked or (until is not None and verified.issued_at <= until.timestamp())


class Access:
    """What one process knows about keys, tokens and revocations."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens
        self._last: Reading | None = None
        self._rereading: asyncio.Task[None] | None = None
        self._remembered: OrderedDict[bytes, tuple[Verified, float]] = OrderedDict()

    async def issue(self, caller: Caller, *, issued_at: datetime) -> AccessToken:
        """A token of this instant of the database's clock. Refuses: DatabaseUnavailable."""
        return self._tokens.issue(caller, (await self._recent()).ring, issued_at=issued_at)

    async def caller(self, token: str) -> Caller:
        """Whose token it is, if it still counts. Refuses: NotSignedIn, one answer for every reason; DatabaseUnavailable."""
        if len(token) > TOKEN_LENGTH_MAX:
            raise NotSignedIn
        reading = await self._recent()
        verified = self._verify(token, reading)
        if not reading.lets_in(verified):
            raise NotSignedIn
        return verified.caller

    def _verify(self, token: str, reading: Reading) -> Verified:
        """Checking a signature costs 85 µs, remembering that it was checked costs one."""
        digest, now = hashlib.sha256(token.encode(errors="surrogatepass")).digest(), time.monotonic()
        known = self._remembered.get(digest)
        if known is not None and now < known[1]:
            return known[0]
        verified = self._tokens.verify(token, reading.ring, now=reading.now())
        self._remembered[digest] = (verified, now + REMEMBERED_SECONDS)
        self._remembered.move_to_end(digest)
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return verified

    async def _recent(self) -> Reading:
        """What was asked for at most half a second before this request came."""
        asked_since = time.monotonic() - REREAD_SECONDS
        while self._last is None or self._last.asked_at < asked_since:
            # One for all who wait, its failure too: a thousand of them would otherwise try a database that hangs one after the other.
            self._rereading = self._rereading or asyncio.create_task(self._reread())
            await asyncio.shield(self._rereading)
        return self._last

    async def _reread(self) -> None:
        last, asked_at = self._last, time.monotonic()
        try:
            ring, news, at = await self._database.autocommit(_read, last.at if last else None)
            # What was revoked longer ago than a token lives concerns no living token.
            dead = at - timedelta(seconds=ACCESS_SECONDS + OVERLAP_SECONDS)
            known = {subject: until for subject, until in last.revoked.items() if until > dead} if last else {}
            self._last = Reading(ring, {**known, **news}, at, asked_at)
        finally:
            self._rereading = None


async def _read(connection: AsyncConnection, since: datetime | None) -> tuple[KeyRing, Mapping[UUID, datetime], datetime]:
    ring, read_at = await revoking.read_ring(connection)  # before the revocations: what comes in between is read again
    # Not later than now: another database may have taken over, whose clock is behind.
    start = min(since, read_at) if since is not None else read_at - timedelta(seconds=ACCESS_SECONDS)
    return ring, await revoking.read_since(connection, start - timedelta(seconds=OVERLAP_SECONDS)), read_at
