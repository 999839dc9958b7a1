"""A client that does what an overloaded service asks of it."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

_TRIES_MAX = 10


async def patiently(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The answer once there was room for the question.

    On a machine that is busy with other things, some of hundreds of questions at once are shed: 503 `overloaded` with Retry-After.
    Any other 503, of a deadlock for instance, is an answer.
    """
    for _ in range(_TRIES_MAX):
        answer = await ask()
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or answer.json()["code"] != "overloaded":
            return answer
        await asyncio.sleep(int(answer.headers["Retry-After"]))
    raise AssertionError(f"still overloaded when asked {_TRIES_MAX} times")
