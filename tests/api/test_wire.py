"""Without these, what is no HTTP or can be read as two requests reaches the app, or a refusal gets lost while the client still sends."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.leash import Leash
from tests.support.problems import assert_problem
from tests.support.program import Program, free_port
from tests.support.settings import environment
from tests.support.unplugged import NOWHERE
from tests.support.wire import wire

LARGE = 10_000_000
LIVE = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /v1/auth/token HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

NOT_ONE_REQUEST = {
    "a length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + LIVE,
    "chunks and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + LIVE,
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + LIVE,
    "a list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\nhello",
    "a length that overflows": POST + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "chunks of another name": POST + b"Transfer-Encoding: xchunked\r\n\r\nhello",
    "chunks that are not the last coding": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "two codings in two lines": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a chunk without a size": CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"5\r\nhelloXX0\r\n\r\n",
    "a chunk of a size that overflows": CHUNKED + b"fffffffffffffffff\r\nhello",
    "a chunk size that ends in LF": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "lines that end in LF": b"GET /livez HTTP/1.1\nHost: a\n\n",
    "one line that ends in LF": b"GET /livez HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n",
    "a CR in a value": b"GET /livez HTTP/1.1\r\nHost: a\rX-A: b\r\n\r\n",
    "NUL in a value": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: a\0b\r\n\r\n",
    "a folded line": b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
    "a blank before the colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "no host": b"GET /livez HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a body after an upgrade": POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 32\r\n\r\n" + LIVE,
    "HTTP/0.9": b"GET /livez\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, int]]:
    """The real API as one process, with no database to ask."""
    leash, port, folder = Leash(), free_port(), tmp_path_factory.mktemp("wire")
    started = Program(
        "services.api", environment=environment(NOWHERE, port=str(port), api_workers="1"), log=Path(folder) / "api.log", leash=leash
    )
    yield started, port
    started.kill()
    leash.close()


@pytest.fixture
async def port(program: tuple[Program, int]) -> int:
    started, number = program

    async def is_live() -> bool:
        assert started.is_running, started.tail
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                return (await client.get(f"http://127.0.0.1:{number}/livez")).is_success
            except httpx.TransportError:
                return False

    await eventually(is_live, within_seconds=30)
    return number


@pytest.mark.parametrize("sent", NOT_ONE_REQUEST.values(), ids=NOT_ONE_REQUEST)
async def test_what_is_not_one_request_is_answered_once_and_ends_the_connection(port: int, sent: bytes) -> None:
    async with wire(port) as connection:
        connection.say(sent)
        [answer] = await connection.hear_all()

    assert_problem(answer, 400, "malformed_request")
    assert answer.headers["Connection"] == "close"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Server" not in answer.headers


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: " + b"x" * 5_000_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 100_000 + b"\r\n", 431, "headers_too_large"),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nX-A: " + b"x" * 33_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /livez HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + b"x" * 4_096 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /" + b"x" * 5_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri_too_long"),
        (b"GET /?" + b"x" * 8_192 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri_too_long"),
        (POST + b"Content-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE, 413, "body_too_large"),
        (CHUNKED + (b"2710\r\n" + b"x" * 10_000 + b"\r\n") * (LARGE // 10_000) + b"0\r\n\r\n", 413, "body_too_large"),
    ],
    ids=["a header", "headers", "headers in one piece", "a token", "a path", "a query", "a body", "a body in chunks"],
)
async def test_what_is_too_large_is_refused_while_it_is_still_being_sent(port: int, sent: bytes, status: int, code: str) -> None:
    async with wire(port) as connection:
        connection.say(sent)
        answer = await connection.hear()
        assert await connection.reader.read() == b""  # an end, and no reset, which could have taken the answer with it

    assert_problem(answer, status, code)
    assert answer.headers["Connection"] == "close"


async def test_what_just_fits_is_answered(port: int) -> None:
    head = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: %b\r\n" % (number, b"x" * 990) for number in range(30)) + b"\r\n"
    async with wire(port) as connection:
        connection.say(head[:20_000])
        connection.say(head[20_000:] + b"GET /" + b"x" * 8_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")

        assert (await connection.hear()).status_code == 200
        assert (await connection.hear()).status_code == 404


async def test_garbage_behind_a_request_takes_no_answer_that_is_its(port: int) -> None:
    async with wire(port) as connection:
        connection.say(LIVE + b"\x00\x01\r\n\r\n" + LIVE)

        assert [answer.status_code for answer in await connection.hear_all()] == [200]


async def test_a_request_that_announces_another_protocol_is_the_last(port: int) -> None:
    async with wire(port) as connection:
        connection.say(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + LIVE)
        [answer] = await connection.hear_all()

    assert (answer.status_code, answer.headers["Connection"]) == (200, "close")


async def test_of_many_requests_in_one_piece_the_first_hundred_are_answered(port: int) -> None:
    async with wire(port) as connection:
        connection.say(LIVE * 1_000)
        answers = await connection.hear_all()

    assert {answer.status_code for answer in answers} == {200}
    assert 100 <= len(answers) <= 102
    assert answers[-1].headers["Connection"] == "close"


async def test_a_client_that_hangs_up_in_the_middle_of_a_body_is_no_error(program: tuple[Program, int], port: int) -> None:
    async with wire(port) as connection:
        connection.say(POST + b"Content-Length: 1000\r\n\r\nhello")
    async with wire(port) as connection:
        connection.say(LIVE)
        assert (await connection.hear()).status_code == 200

    assert "error" not in program[0].tail
