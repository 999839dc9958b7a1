"""Passwords: hashed slowly, in a bounded pool of their own, and never cut.

bcrypt reads 72 bytes, so what it hashes is an HMAC of the password: of any length, without NUL, and useless to whoever
steals the table without the pepper. The hash costs a third of a second by design and releases the interpreter's lock: it
runs in two threads, and a queue that grows longer than its limit is refused instead of being waited for.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

import bcrypt

from services.inventory.accounts.errors import TooManySignIns
from services.runtime.settings import Settings

T = TypeVar("T")

THREADS = 2
WAITING_MAX = 8  # at cost 12 on two cores the last of them waits about two seconds


class Passwords:
    """Hashes and checks passwords off the event loop. Use it as a context manager; it ends its threads."""

    def __init__(self, settings: Settings) -> None:
        self._pepper = settings.password_pepper.get_secret_value().encode()
        self._cost = settings.bcrypt_cost
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="bcrypt")
        self._in_hand = 0
        # An unknown address costs the same time as a wrong password.
        self._nobodys_hash = bcrypt.hashpw(b"nobody", bcrypt.gensalt(self._cost))

    async def hash(self, password: str) -> str:
        """A hash to store. Refuses: TooManySignIns."""
        return (await self._run(lambda: bcrypt.hashpw(self._material(password), bcrypt.gensalt(self._cost)))).decode()

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password is the stored one; with no stored hash, a no that takes as long. Refuses: TooManySignIns."""
        known = stored.encode() if stored is not None else self._nobodys_hash
        return await self._run(lambda: bcrypt.checkpw(self._material(password), known)) and stored is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._in_hand >= THREADS + WAITING_MAX:
            raise TooManySignIns
        self._in_hand += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._in_hand -= 1

    def _material(self, password: str) -> bytes:
        return base64.b64encode(hmac.digest(self._pepper, password.encode(errors="surrogatepass"), hashlib.sha256))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
