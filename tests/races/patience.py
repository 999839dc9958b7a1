"""A client that does what an overloaded service asks of it."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

_TRIES_MAX = 10
_LATER = {httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE}


async def patiently(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The answer once there was room for the question.

    On a machine that is busy with other things, some of hundreds of questions at once are shed or wait too long for a row: 503 with
    Retry-After.
    """
    for _ in range(_TRIES_MAX):
        answer = await ask()
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return answer
        await asyncio.sleep(int(answer.headers["Retry-After"]))
    raise AssertionError(f"no answer to {_TRIES_MAX} questions but to ask later")


class Patient(httpx.AsyncBaseTransport):
    """Sends a request again whenever its answer says when: the request itself, so its key is the same."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(_TRIES_MAX):
            answer = await self._transport.handle_async_request(request)
            if answer.status_code not in _LATER or "Retry-After" not in answer.headers:
                return answer
            await answer.aread()
            await asyncio.sleep(int(answer.headers["Retry-After"]))
        raise AssertionError(f"no answer to {_TRIES_MAX} requests but to ask later")

    async def aclose(self) -> None:
        await self._transport.aclose()
