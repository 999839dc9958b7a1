"""Without these, the load lab shows a server that stalls as a quick one, because the client politely waited."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

from tests.load.lab.arrivals import Plan, drive, driving, get, post
from tests.load.lab.schedule import instants
from tests.load.lab.tallies import BROKEN, GIVEN_UP
from tests.support.eventually import eventually
from tests.support.leash import Leash
from tests.support.program import Program, free_port

YES = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
ASKS = [get("read", "/")]
Answer = Callable[[int, bytes], Awaitable[bytes | None]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[int]:
    """Answers the nth request, from 0, as it is told. With no bytes it hangs up, and with None it is silent. Its port."""
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"Content-Length: (\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                number, asked = asked, asked + 1
                said = await answer(number, head + body)
                if said is None:
                    await reader.read()
                if not said:
                    break
                writer.write(said)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


async def yes(_number: int, _request: bytes) -> bytes:
    return YES


async def test_a_stall_is_counted_for_everybody_who_came_meanwhile() -> None:
    async def stall_once(number: int, _request: bytes) -> bytes:
        await asyncio.sleep(0.5 if number == 20 else 0)
        return YES

    async with server(stall_once) as port:
        tally = await drive(Plan(port=port, asks=ASKS, rps=100, seconds=1, connections=1, is_poisson=False))

    assert tally.statuses() == {200: 100}
    # A client that waits for each answer would have seen one of these; fifty were due in half a second, the last of them just missed it.
    assert 35 <= sum(latency > 0.1 for latency in tally.latency) <= 60
    assert tally.latencies().p99_ms > 400


async def test_every_request_that_was_due_is_in_the_tally_whatever_became_of_it() -> None:
    async def misbehave(number: int, _request: bytes) -> bytes | None:
        return (YES, BUSY, b"", None)[number % 4]

    async with server(misbehave) as port:
        tally = await drive(Plan(port=port, asks=ASKS, rps=40, seconds=0.5, connections=8, patience_seconds=0.5, is_poisson=False))

    assert len(tally) == 20
    assert tally.statuses() == {200: 5, 503: 5, BROKEN: 5, GIVEN_UP: 5}
    [second] = tally.timeline()
    assert (second.offered, second.ok, second.refused, second.failed) == (20, 5, 5, 10)


async def test_a_server_that_has_gone_fails_those_who_come_and_serves_them_when_it_is_back(tmp_path: Path, leash: Leash) -> None:
    port = free_port()

    async def start() -> Program:
        program = Program("tests.load.lab.echo", str(port), environment=dict(os.environ), log=tmp_path / "log", leash=leash)
        await eventually(lambda: _listens(port), within_seconds=10)
        return program

    program = await start()
    async with driving(Plan(port=port, asks=ASKS, rps=200, seconds=1.5, connections=4), leash=leash) as going:
        await asyncio.sleep(going.began + 0.3 - time.monotonic())  # the time at which it is killed is what the test is about
        program.kill()
        program = await start()
        [tally] = await going.finish()
    program.kill()

    assert tally.statuses().keys() == {200, BROKEN}
    failed = [due for due, status in zip(tally.due, tally.status, strict=True) if status == BROKEN]
    assert min(failed) > 0.2
    assert max(tally.due) > max(failed)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_no_two_requests_have_one_key_and_each_is_sent_with_its_body() -> None:
    heard: list[bytes] = []

    async def note(_number: int, request: bytes) -> bytes:
        heard.append(request)
        return YES

    orders = [post("order", "/v1/reservations", b'{"lines": []}', "token")]
    async with server(note) as port:
        await drive(Plan(port=port, asks=orders, rps=50, seconds=0.4, is_poisson=False))

    keys = [re.search(rb"Idempotency-Key: (\S+)\r\n\r\n", request) for request in heard]
    assert len(heard) == len({key[1] for key in keys if key}) == 20
    assert all(b"Authorization: Bearer token\r\n" in request and request.endswith(b'\r\n\r\n{"lines": []}') for request in heard)


async def test_plans_that_are_driven_together_share_their_first_second() -> None:
    async with server(yes) as port:
        now = Plan(port=port, asks=ASKS, rps=100, seconds=0.2, connections=2)
        later = Plan(port=port, asks=ASKS, rps=100, seconds=0.2, after_seconds=0.3, connections=2)
        async with driving(now, later) as going:
            first, second = await going.finish()

    assert max(first.due) < 0.2
    assert min(second.due) >= 0.3
    assert second.statuses() == {200: len(second)}


def test_arrivals_of_one_seed_are_the_same_and_as_many_as_were_asked_for() -> None:
    one, same, another = (Plan(port=1, asks=ASKS, rps=100, seconds=1, seed=seed) for seed in (1, 1, 2))

    first = list(islice(instants(one), 10_000))
    assert first == list(islice(instants(same), 10_000)) != list(islice(instants(another), 10_000))
    assert 95 < first[-1] < 105
