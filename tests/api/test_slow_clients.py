"""Without this, a handful of clients that send a byte a second keep everybody else out."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from time import monotonic

import httpx

from tests.support.problems import assert_problem
from tests.support.processes import Processes
from tests.support.wire import Wire, wire

SLOW = 500
HEAD = b"GET /livez HTTP/1.1\r\nHost: holdfast.test\r\n"
POST = b"POST /v1/auth/token HTTP/1.1\r\nHost: holdfast.test\r\nContent-Type: application/json\r\n"
MORE = b"x" * 200  # bytes than anybody waits for

Ending = tuple[list[httpx.Response], float]


async def until_cut_off(connection: Wire, begin: bytes) -> Ending:
    """Send this at once and more byte by byte: what came back, and after how long there was no more."""
    started = monotonic()
    connection.say(begin)
    trickling = asyncio.create_task(connection.trickle(MORE))
    answers = await connection.hear_all()
    spent = monotonic() - started
    trickling.cancel()
    await asyncio.wait([trickling])
    return answers, spent


async def test_who_sends_slowly_is_cut_off_and_others_are_answered(processes: Processes) -> None:
    api = await processes.api(workers=1)
    async with AsyncExitStack() as stack, httpx.AsyncClient(base_url=api.url, trust_env=False) as somebody:

        async def slow(count: int, begin: bytes) -> list[asyncio.Task[Ending]]:
            connections = [await stack.enter_async_context(wire(api.port)) for _ in range(count)]
            return [asyncio.create_task(until_cut_off(connection, begin)) for connection in connections]

        mute = await stack.enter_async_context(wire(api.port))
        first_heads = await slow(SLOW, HEAD + b"X-Slow: ")
        second_heads = await slow(5, HEAD + b"\r\n" + HEAD)
        bodies = await slow(5, POST + b"Content-Length: 1000\r\n\r\n")
        bodies += await slow(5, POST + b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n")
        everybody = asyncio.gather(*first_heads, *second_heads, *bodies)
        while not everybody.done():
            async with asyncio.timeout(5):
                assert (await somebody.get("/livez")).status_code == 200
            await asyncio.sleep(0.1)  # so as not to be the load ourselves

        assert await mute.ends()
        assert_cut_off((task.result() for task in first_heads), answered=[408], between=(4, 10))
        assert_cut_off((task.result() for task in second_heads), answered=[200, 408], between=(4, 10))
        assert_cut_off((task.result() for task in bodies), answered=[408], between=(9, 15))


def assert_cut_off(endings: Iterable[Ending], *, answered: list[int], between: tuple[int, int]) -> None:
    for answers, seconds in endings:
        assert [answer.status_code for answer in answers] == answered
        assert_problem(answers[-1], 408, "request_timeout")
        assert answers[-1].headers["Connection"] == "close"
        assert between[0] < seconds < between[1]
