"""Without these, a key lets the second request through, or gives one request another's answer."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime import idempotency
from services.runtime.database import Database as OurDatabase
from services.runtime.idempotency import IdempotencyInProgress, IdempotencyKey, IdempotencyKeyReused
from tests.support.database import Database

KEY = IdempotencyKey(UUID(int=7), "k1", b"as sent")


async def answer(connection: AsyncConnection, key: IdempotencyKey, text: str) -> str:
    """The work of a request: what was stored under its key, else its own answer."""
    stored: Mapping[str, str] | None = await idempotency.claim(connection, key)
    if stored is not None:
        return stored["text"]
    await idempotency.store(connection, key, {"text": text})
    return text


async def test_the_second_request_gets_the_answer_of_the_first(ours: OurDatabase) -> None:
    assert [await ours.transact(answer, KEY, text) for text in ("first", "second")] == ["first", "first"]


@pytest.mark.parametrize("other", [IdempotencyKey(UUID(int=8), "k1", b"as sent"), IdempotencyKey(UUID(int=7), "K1", b"as sent")])
async def test_another_account_and_another_key_have_answers_of_their_own(ours: OurDatabase, other: IdempotencyKey) -> None:
    await ours.transact(answer, KEY, "first")

    assert await ours.transact(answer, other, "second") == "second"


async def test_another_request_under_the_same_key_is_refused(ours: OurDatabase, database: Database) -> None:
    await ours.transact(answer, KEY, "first")

    with pytest.raises(IdempotencyKeyReused):
        await ours.transact(answer, IdempotencyKey(KEY.account_id, KEY.key, b"changed"), "second")

    assert await database.rows("SELECT fingerprint, answer FROM idempotency_keys") == [(b"as sent", '{"text": "first"}')]


async def test_a_key_whose_work_failed_is_free(ours: OurDatabase) -> None:
    async def fail(connection: AsyncConnection) -> None:
        await idempotency.claim(connection, KEY)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await ours.transact(fail)

    assert await ours.transact(answer, KEY, "second") == "second"


async def test_a_twin_waits_for_the_first_and_gets_its_answer(ours: OurDatabase) -> None:
    claimed, may_finish = asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection) -> str:
        text = await answer(connection, KEY, "first")
        claimed.set()
        await may_finish.wait()
        return text

    first = asyncio.create_task(ours.transact(slow))
    await claimed.wait()
    twin = asyncio.create_task(ours.transact(answer, KEY, "second"))
    await asyncio.sleep(0)
    may_finish.set()

    assert list(await asyncio.gather(first, twin)) == ["first", "first"]


async def test_a_twin_does_not_wait_for_ever(ours: OurDatabase, database: Database) -> None:
    async with database.transaction() as other:
        await other.execute("INSERT INTO idempotency_keys (account_id, key, fingerprint) VALUES ($1, 'k1', '')", KEY.account_id)
        with pytest.raises(IdempotencyInProgress):
            await ours.transact(answer, KEY, "second")
