"""Without these, a stolen table is a list of passwords, or a long password is one that anybody can shorten."""

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator

import bcrypt
import pytest

from services.inventory.accounts.errors import TooManySignIns
from services.inventory.accounts.passwords import AT_ONCE, WAITING_MAX, Passwords
from tests.support.settings import Where, settings

HERE = Where(database_url="postgresql://nobody@127.0.0.1:1/none")


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    with Passwords(settings(HERE)) as opened:
        yield opened


@pytest.mark.parametrize("password", ["hunter2", "x" * 1_024, "👕" * 1_024, "a\0b", "\udfff", ""])
async def test_a_password_matches_itself(passwords: Passwords, password: str) -> None:
    stored = await passwords.hash(password)

    assert await passwords.matches(password, stored)
    assert not await passwords.matches(password + " ", stored)
    assert password == "" or password not in stored


@pytest.mark.parametrize(("one", "other"), [("x" * 72 + "a", "x" * 72 + "b"), ("a\0b", "a\0c"), ("A", "a"), ("é", "e\u0301")])
async def test_no_part_of_a_password_is_cut_off_or_smoothed(passwords: Passwords, one: str, other: str) -> None:
    assert not await passwords.matches(other, await passwords.hash(one))


async def test_one_password_has_a_new_hash_each_time(passwords: Passwords) -> None:
    assert await passwords.hash("hunter2") != await passwords.hash("hunter2")


async def test_nobody_has_a_password(passwords: Passwords) -> None:
    assert not await passwords.matches("nobody", None)


async def test_a_hash_is_worth_nothing_without_the_pepper(passwords: Passwords) -> None:
    stored = await passwords.hash("hunter2")

    with Passwords(settings(HERE, password_pepper="another pepper, of 32 characters or more")) as others:
        assert not await others.matches("hunter2", stored)
    assert not bcrypt.checkpw(b"hunter2", stored.encode())


async def test_what_bcrypt_hashes_is_an_hmac_that_it_reads_whole(passwords: Passwords) -> None:
    chosen = settings(HERE)
    digest = hmac.digest(chosen.password_pepper.get_secret_value().encode(), b"hunter2", hashlib.sha256)

    assert len(b64encode(digest)) < 72
    assert bcrypt.checkpw(b64encode(digest), (await passwords.hash("hunter2")).encode())


async def test_the_cost_is_the_one_in_the_settings() -> None:
    with Passwords(settings(HERE, bcrypt_cost="5")) as opened:
        assert (await opened.hash("hunter2")).startswith("$2b$05$")


async def test_a_hash_of_before_the_cost_was_raised_is_good_for_signing_in() -> None:
    with Passwords(settings(HERE, bcrypt_cost="4")) as before, Passwords(settings(HERE, bcrypt_cost="7")) as now:
        stored = await before.hash("hunter2")

        assert await now.matches("hunter2", stored)
        assert not await now.matches("hunter3", stored)
        assert now.is_outdated(stored)
        assert not before.is_outdated(stored)


async def test_of_any_number_who_come_at_once_all_but_a_few_are_refused(passwords: Passwords) -> None:
    answers = await asyncio.gather(*(passwords.matches("x", None) for _ in range(200)), return_exceptions=True)

    assert answers.count(False) == AT_ONCE + WAITING_MAX
    assert sum(isinstance(answer, TooManySignIns) for answer in answers) == 200 - AT_ONCE - WAITING_MAX
    assert (passwords.hashed, passwords.waiting) == (AT_ONCE + WAITING_MAX, 0)


async def test_it_says_how_many_wait(passwords: Passwords) -> None:
    asked = [asyncio.create_task(passwords.hash("x")) for _ in range(3)]
    await asyncio.sleep(0)  # each stands in the queue

    assert (passwords.hashed, passwords.waiting) == (0, 3)
    await asyncio.gather(*asked)


async def test_a_full_queue_refuses_at_once_and_empties_again(passwords: Passwords) -> None:
    attempts = [passwords.matches("x", None) for _ in range(AT_ONCE + WAITING_MAX + 1)]

    *answers, refusal = await asyncio.gather(*attempts, return_exceptions=True)

    assert answers == [False] * (AT_ONCE + WAITING_MAX)
    assert isinstance(refusal, TooManySignIns)
    assert not await passwords.matches("x", None)


@pytest.mark.parametrize("stored", ["", "x", "$2b$04$short", "$2b$04$" + "x" * 60])
async def test_what_is_no_hash_is_nobodys(passwords: Passwords, stored: str) -> None:
    assert not await passwords.matches("nobody", stored)
