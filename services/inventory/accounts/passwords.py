"""Passwords: hashed slowly, in a bounded pool of their own, and never cut.

bcrypt reads 72 bytes, so what it hashes is an HMAC of the password: of any length, without NUL, and useless to whoever
steals the table without the pepper. The hash costs a third of a second by design and releases the interpreter's lock: it
runs in a thread of its own, and a queue that grows longer than its limit is refused instead of being waited for.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Self, TypeVar

import bcrypt
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from services.inventory.accounts.errors import TooManySignIns, WeakPassword
from services.inventory.accounts.model import PASSWORD_LENGTH_MIN
from services.runtime.settings import Settings

T = TypeVar("T")

# From breaches; of 30,000 those that are long enough to be refused for nothing else.
COMMON = frozenset(password for password in FREQUENCY_LISTS["passwords"] if len(password) >= PASSWORD_LENGTH_MIN)

THREADS = 1  # of each process: with as many as there are cores, the event loop waits for its turn behind them
WAITING_MAX = 8  # at cost 12 the last of them waits about two seconds


def refuse_weak(password: str, *, member: str = "password") -> None:
    """A password that is among the first that anybody would try is none; `member` is what the caller calls it. Refuses: WeakPassword."""
    if len(password) < PASSWORD_LENGTH_MIN or password.strip().lower() in COMMON:
        raise WeakPassword(member)


class Passwords:
    """Hashes and checks passwords off the event loop. Use it as a context manager; it ends its threads."""

    def __init__(self, settings: Settings) -> None:
        self._pepper = settings.password_pepper.get_secret_value().encode()
        self._cost = settings.bcrypt_cost
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="bcrypt")
        self._in_hand = 0
        self._signing_in = 0
        # An unknown address costs the same time as a wrong password.
        self._nobodys_hash = bcrypt.hashpw(b"nobody", bcrypt.gensalt(self._cost))

    async def hash(self, password: str) -> str:
        """A hash to store. Refuses: TooManySignIns."""
        return (await self._run(lambda: bcrypt.hashpw(self._material(password), bcrypt.gensalt(self._cost)))).decode()

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password is the stored one; with no stored hash, a no that takes as long. Refuses: TooManySignIns."""
        known = stored.encode() if stored is not None else self._nobodys_hash
        return await self._run(lambda: self._check(self._material(password), known)) and stored is not None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be one of the few who sign in at once. Refuses: TooManySignIns.

        To take before the database is asked for the hash: of hundreds who sign in, those who are refused must not have kept its
        connections from everybody else.
        """
        if self._signing_in >= THREADS + WAITING_MAX:
            raise TooManySignIns
        self._signing_in += 1
        try:
            yield
        finally:
            self._signing_in -= 1

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made at another cost than the settings ask for now."""
        return _cost_of(stored.encode()) != self._cost

    def _check(self, material: bytes, known: bytes) -> bool:
        try:
            is_right = bcrypt.checkpw(material, known)
        except ValueError:  # no hash of ours, but what an import or a hand wrote there: nobody's, after the same time
            return bcrypt.checkpw(material, self._nobodys_hash) and False
        # A hash from before the cost was raised must not tell by its speed that the address has an account. Each cost takes twice
        # as long as the one before, so these add up to the difference.
        for cost in range(_cost_of(known), self._cost):
            bcrypt.hashpw(material, bcrypt.gensalt(cost))
        return is_right

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


def _cost_of(stored: bytes) -> int:
    return int(stored.split(b"$")[2])
