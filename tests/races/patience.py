"""A client that does what an overloaded service asks of it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import httpx

_TRIES_MAX = 10
_LATER = {httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE}


async def patiently(ask: Callable[[], Awaitable[httpx.Response]], *, codes: Collection[str] = ("overloaded",)) -> httpx.Response:
    """The answer once there was room for the question.

    On a machine that is busy with other things, some of hundreds of questions at once are shed: 503 `overloaded` with Retry-After.
    Any other 503, of a deadlock for instance, is an answer, unless `codes` has it.
    """
    return await _until(ask, lambda answer: answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and answer.json()["code"] in codes)


class Patient(httpx.AsyncBaseTransport):
    """Sends a request again whenever its answer says when: the request itself, so its key is the same."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await _until(
            lambda: self._transport.handle_async_request(request),
            lambda answer: answer.status_code in _LATER and "Retry-After" in answer.headers,
        )

    async def aclose(self) -> None:
        await self._transport.aclose()


async def _until(ask: Callable[[], Awaitable[httpx.Response]], is_for_later: Callable[[httpx.Response], bool]) -> httpx.Response:
    """The first answer that is not for later."""
    for _ in range(_TRIES_MAX):
        answer = await ask()
        if not is_for_later(answer):
            return answer
        await answer.aread()
        await asyncio.sleep(int(answer.headers["Retry-After"]))
    raise AssertionError(f"no answer to {_TRIES_MAX} questions but to ask later")
