"""Passwords: hashed slowly, by a process of their own, and never cut.

bcrypt reads 72 bytes, so what it hashes is an HMAC of the password: of any length, without NUL, and useless to whoever
steals the table without the pepper. The hash costs a third of a second by design: hashing.py takes it when nobody else wants the
core, and a queue that grows longer than its limit is refused instead of being waited for.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path
from typing import Self

from services.inventory.accounts import hashing
from services.inventory.accounts.errors import TooManySignIns, WeakPassword
from services.inventory.accounts.model import PASSWORD_LENGTH_MIN
from services.runtime.aside import Aside
from services.runtime.settings import Settings


def _read_common() -> frozenset[str]:
    """From breaches; of 30,000 those that are long enough to be refused for nothing else.

    From a file of zxcvbn and not by its import, which sorts this list and all others into dictionaries: 8 MB that nobody asks.
    """
    [folder] = find_spec("zxcvbn").submodule_search_locations  # type: ignore[union-attr,misc]  # it is installed, and a package
    words: list[str] = run_path(str(Path(folder) / "frequency_lists.py"))["FREQUENCY_LISTS"]["passwords"]
    return frozenset(password for password in words if len(password) >= PASSWORD_LENGTH_MIN)


COMMON = _read_common()
AT_ONCE = 1  # of each process: more would share the same cores
WAITING_MAX = 8  # at cost 12 the last of them waits about two seconds


def refuse_weak(password: str, *, member: str = "password") -> None:
    """A password that is among the first that anybody would try is none; `member` is what the caller calls it. Refuses: WeakPassword."""
    if len(password) < PASSWORD_LENGTH_MIN or password.strip().lower() in COMMON:
        raise WeakPassword(member)


class Passwords:
    """Hashes and checks passwords off the event loop. Use it as a context manager; it ends its process."""

    def __init__(self, settings: Settings) -> None:
        self.hashed = 0  # made and checked, for the metrics
        self._pepper = settings.password_pepper.get_secret_value().encode()
        self._cost = settings.bcrypt_cost
        self._hasher = Aside(hashing.__file__)
        self._thread = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")  # waits for the answers
        self._in_hand = 0
        self._signing_in = 0

    @property
    def waiting(self) -> int:
        """How many are being hashed or wait for it."""
        return self._in_hand

    async def hash(self, password: str) -> str:
        """A hash to store. Refuses: TooManySignIns."""
        return str(await self._ask(self._material(password), self._cost))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password is the stored one; with no stored hash, a no that takes as long. Refuses: TooManySignIns."""
        return bool(await self._ask(self._material(password), self._cost, stored))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be one of the few who sign in at once. Refuses: TooManySignIns.

        To take before the database is asked for the hash: of hundreds who sign in, those who are refused must not have kept its
        connections from everybody else.
        """
        if self._signing_in >= AT_ONCE + WAITING_MAX:
            raise TooManySignIns
        self._signing_in += 1
        try:
            yield
        finally:
            self._signing_in -= 1

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made at another cost than the settings ask for now."""
        return hashing.cost_of(stored.encode()) != self._cost

    async def _ask(self, *question: str | int | None) -> str | bool:
        if self._in_hand >= AT_ONCE + WAITING_MAX:
            raise TooManySignIns
        self._in_hand += 1
        try:
            said = await asyncio.get_running_loop().run_in_executor(self._thread, self._hasher.answer, json.dumps(question))
        finally:
            self._in_hand -= 1
        self.hashed += 1
        answer: str | bool = json.loads(said)
        return answer

    def _material(self, password: str) -> str:
        return base64.b64encode(hmac.digest(self._pepper, password.encode(errors="surrogatepass"), hashlib.sha256)).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)
        self._hasher.end()
