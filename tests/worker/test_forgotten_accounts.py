"""Without these, whoever types addresses into a form fills a table for ever, or an account goes that somebody was about to open."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from services.inventory.accounts.commands import rotate_keys
from services.runtime.database import Database as OurDatabase
from services.runtime.housekeeping import BATCH
from services.worker.relay import tidy_once
from tests.support.api import Client
from tests.support.database import Database
from tests.support.members import register, sign_in, verify
from tests.support.options import Rounds
from tests.support.post import Post, token_in
from tests.support.together import together

EMAIL = "ann@example.com"
AGE = "UPDATE accounts SET created_at = created_at - interval '7 days 1 s'"
END_LINKS = "UPDATE mail_tokens SET expires_at = now()"
MANY = (
    "INSERT INTO accounts (account_id, email, full_name, role, password_hash, created_at)"
    " SELECT gen_random_uuid(), n || '@example.com', 'Ann', 'customer', 'x', now() - interval '8 days' FROM generate_series(1, {rows}) n"
)


@pytest.fixture
async def forgotten(nobody: Client, post: Post, database: Database) -> None:
    """An account whose link nobody followed for a week."""
    await register(nobody, EMAIL)
    await post.goes_out()
    await database.do(AGE)
    await database.do(END_LINKS)


async def emails(database: Database) -> list[str]:
    return [email for (email,) in await database.rows("SELECT email FROM accounts ORDER BY email")]


@pytest.mark.usefixtures("forgotten")
async def test_an_account_that_nobody_opened_goes_and_its_address_is_as_good_as_new(
    nobody: Client, post: Post, database: Database, ours: OurDatabase
) -> None:
    assert await tidy_once(ours) == 2  # the link, and the account
    assert [await emails(database), await database.rows("SELECT 1 FROM notifications")] == [[], []]

    await register(nobody, EMAIL)
    [mail] = await post.goes_out()
    assert (await verify(nobody, token_in(mail))).status_code == 204
    assert (await sign_in(nobody, EMAIL)).status_code == 200
    assert await tidy_once(ours) == 0


async def test_they_go_a_batch_at_a_time(database: Database, ours: OurDatabase) -> None:
    await database.do(MANY.format(rows=BATCH + 2))

    assert [await tidy_once(ours) for _ in range(3)] == [BATCH, 2, 0]


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(
    "reason",
    [
        "UPDATE accounts SET created_at = created_at + interval '1 min'",
        "UPDATE accounts SET verified_at = now()",
        "UPDATE accounts SET is_disabled = true",  # its address is to stay shut
        "UPDATE mail_tokens SET expires_at = now() + interval '1 min'",
        "UPDATE notifications SET state = 'queued', sent_at = NULL",
        "UPDATE notifications SET state = 'sending', sent_at = NULL",
        "UPDATE outbox SET done_at = NULL",
        "INSERT INTO sessions (session_id, account_id, expires_at) SELECT account_id, account_id, now() FROM accounts",
        (
            "INSERT INTO reservations (reservation_id, account_id, state, expires_at)"
            " SELECT account_id, account_id, 'held', now() FROM accounts"
        ),
    ],
)
async def test_an_account_stays_while_somebody_may_open_it_or_anything_belongs_to_it(
    database: Database, ours: OurDatabase, reason: str
) -> None:
    await database.do(reason)

    await tidy_once(ours)

    assert await emails(database) == [EMAIL]


@pytest.mark.usefixtures("forgotten")
async def test_an_account_that_somebody_is_at_is_left_for_the_next_time(database: Database, ours: OurDatabase) -> None:
    await database.do("DELETE FROM mail_tokens")
    async with database.transaction() as other:
        await other.execute("SELECT 1 FROM accounts FOR NO KEY UPDATE")
        assert await tidy_once(ours) == 0

    assert await tidy_once(ours) == 1


@pytest.mark.usefixtures("forgotten")
async def test_who_registers_again_has_another_week(nobody: Client, post: Post, database: Database, ours: OurDatabase) -> None:
    await register(nobody, EMAIL)
    await post.goes_out()
    await database.do(END_LINKS)

    await tidy_once(ours)

    assert await emails(database) == [EMAIL]


async def all_of(*work: Coroutine[Any, Any, Any]) -> list[Any]:
    return await asyncio.gather(*work)


async def test_who_opens_an_account_or_registers_again_while_others_go_has_one(
    nobody: Client, post: Post, database: Database, ours: OurDatabase, rounds: Rounds
) -> None:
    for number in range(rounds(quick=2, proof=40)):
        opening, again, gone = ([f"{name}-{number}-{n}@example.com" for n in range(4)] for name in ("opening", "again", "gone"))
        for email in (*opening, *again, *gone):
            await register(nobody, email)
        mails = {mail["To"]: mail for mail in await post.goes_out()}
        await database.do(AGE)
        await database.do(f"{END_LINKS} FROM accounts a WHERE a.account_id = mail_tokens.account_id AND a.email NOT LIKE 'opening%'")

        answers, *_ = await together(
            all_of(*(verify(nobody, token_in(mails[email])) for email in opening), *(register(nobody, email) for email in again)),
            *(all_of(tidy_once(ours)) for _ in range(2)),
        )

        assert [answer.status_code for answer in answers] == [204] * 4 + [202] * 4
        assert [email for email in await emails(database) if f"-{number}-" in email] == sorted((*opening, *again))
        for mail in await post.goes_out():
            assert (await verify(nobody, token_in(mail))).status_code == 204


async def test_a_key_goes_once_a_newer_one_replaced_every_token_of_its_and_the_newest_never(database: Database, ours: OurDatabase) -> None:
    for number in range(3):
        await ours.transact(rotate_keys, f"k{number}")
    await database.do("UPDATE signing_keys SET created_at = now() - interval '1 day' WHERE kid NOT IN ('k1', 'k2')")
    await database.do("UPDATE signing_keys SET created_at = now() - interval '1804 s' WHERE kid = 'k1'")
    assert await tidy_once(ours) == 0

    await database.do("UPDATE signing_keys SET created_at = created_at - interval '2 s' WHERE kid = 'k1'")
    await tidy_once(ours)
    assert await database.rows("SELECT kid FROM signing_keys ORDER BY kid") == [("k1",), ("k2",)]

    await database.do("UPDATE signing_keys SET created_at = created_at - interval '1 year'")
    await tidy_once(ours)
    assert await database.rows("SELECT kid FROM signing_keys") == [("k2",)]
