"""Run a keyed request once, or give the answer that it got the first time."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.api.wire import Out
from services.runtime import idempotency
from services.runtime.database import Database
from services.runtime.idempotency import IdempotencyKey

REPLAYED_HEADER = "Idempotent-Replayed"

Answer = TypeVar("Answer", bound=Out)


async def once(
    database: Database,
    key: IdempotencyKey,
    work: Callable[[AsyncConnection], Awaitable[Answer]],
    *,
    answer_type: type[Answer],
    response: Response,
) -> Answer:
    """The work's answer, stored under the key in the transaction of its effect; a second request gets it byte for byte.

    Refuses: IdempotencyKeyReused, IdempotencyInProgress, and what the work refuses, which leaves no trace of the key.
    """

    async def unit_of_work(connection: AsyncConnection) -> tuple[Answer, bool]:
        stored = await idempotency.claim(connection, key)
        if stored is not None:
            return answer_type.model_validate(stored), True
        answer = await work(connection)
        await idempotency.store(connection, key, answer.model_dump(mode="json"))
        return answer, False

    answer, is_replay = await database.transact(unit_of_work)
    mark_replay(response, is_replay=is_replay)
    return answer


def mark_replay(response: Response, *, is_replay: bool) -> None:
    if is_replay:
        response.headers[REPLAYED_HEADER] = "true"
