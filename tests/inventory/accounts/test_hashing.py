"""Without these, an address tells by the time it takes that it has an account, or hashing takes more than its one core."""

import asyncio

import bcrypt
import psutil  # type: ignore[import-untyped]
import pytest

from services.inventory.accounts import hashing
from services.inventory.accounts.passwords import AT_ONCE, Passwords
from tests.support.settings import Where, settings

HERE = Where(database_url="postgresql://nobody@127.0.0.1:1/none")


def hashers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if hashing.__file__ in child.cmdline()]


async def test_one_process_with_one_thread_hashes_for_any_number() -> None:
    with Passwords(settings(HERE)) as passwords:
        await asyncio.gather(*(passwords.matches("x", None) for _ in range(200)), return_exceptions=True)

        assert [process.num_threads() for process in hashers()] == [1] * AT_ONCE
    assert hashers() == []


async def test_a_hash_goes_on_when_its_process_was_killed() -> None:
    with Passwords(settings(HERE)) as passwords:
        stored = await passwords.hash("hunter2")
        hashers()[0].kill()

        assert await passwords.matches("hunter2", stored)


def test_a_hash_of_before_the_cost_was_raised_takes_as_long_as_one_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    spent: list[int] = []  # in units of the time that a hash of cost 0 would take

    def hashpw(password: bytes, salt: bytes) -> bytes:
        spent.append(2 ** int(salt.split(b"$")[2]))
        return bcrypt_hashpw(password, salt)

    stored, bcrypt_hashpw = hashing.make_hash("hunter2", 4), bcrypt.hashpw
    monkeypatch.setattr(bcrypt, "hashpw", hashpw)

    assert hashing.check("hunter2", 7, stored)
    assert not hashing.check("hunter3", 7, stored)
    assert sum(spent) == 2 * (2**7 - 2**4)  # beside the check itself, which takes 2 ** 4


@pytest.mark.parametrize("stored", [None, "", "x", "$2b$04$short", "$2b$04$" + "x" * 60])
def test_what_is_no_hash_takes_as_long_as_one_and_is_nobodys(stored: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []

    def checkpw(password: bytes, known: bytes) -> bool:
        is_right = bcrypt_checkpw(password, known)
        checked.append(known[:7])
        return is_right

    bcrypt_checkpw = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", checkpw)

    assert not hashing.check("hunter2", 5, stored)
    assert checked == [b"$2b$05$"]
