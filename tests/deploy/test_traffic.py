"""Without these, the shop that fills the dashboards orders twice, storms an API that has just come back, or goes on past a limit."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from deploy.local import credentials
from deploy.local.credentials import REGULARS, ROLES, Login
from deploy.local.exchange import Request
from deploy.local.traffic.assortment import Article, Assortment
from deploy.local.traffic.pace import DAY_SECONDS, Pace, rate_at
from deploy.local.traffic.tally import Tally
from deploy.local.traffic.visitor import WAITS, Visitor
from deploy.local.trouble import Trouble

ORDER = Request("POST", "/v1/reservations", body={"lines": []}, key="one-order")
SIGNED_IN = httpx.Response(200, json={"access_token": "a-token", "refresh_token": "r", "expires_in": 900})


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += max(seconds, 0)


class Server:
    """Answers a sign-in, and then what the script says; None is a connection that breaks."""

    def __init__(self) -> None:
        self.script: list[httpx.Response | None] = []
        self.asked: list[httpx.Request] = []
        self.sign_in = SIGNED_IN

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/auth/token":
            return self.sign_in
        self.asked.append(request)
        answer = self.script.pop(0)
        if answer is None:
            raise httpx.ReadError("gone")
        return answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest_asyncio.fixture
async def visitor(clock: Clock, server: Server) -> AsyncIterator[Visitor]:
    async with httpx.AsyncClient(base_url="http://shop.example", transport=httpx.MockTransport(server)) as http:
        pace = Pace(1_000_000, clock=clock, sleep=clock.sleep)
        yield Visitor(http, Login("ann@shop.example", "a password"), pace=pace, tally=Tally())


def pauses(clock: Clock) -> list[float]:
    """What was waited for beyond the pace."""
    return [seconds for seconds in clock.slept if seconds > 0.01]


def test_the_shop_is_busier_in_the_evening_than_at_night() -> None:
    day = [rate_at(second, mean=30) for second in range(DAY_SECONDS)]

    assert (round(min(day)), round(max(day)), round(sum(day) / len(day))) == (20, 40, 30)


async def test_turns_come_at_the_rate_of_the_hour(clock: Clock) -> None:
    pace = Pace(30, clock=clock, sleep=clock.sleep)

    for _ in range(1 + 30):
        await pace.turn()

    assert clock.now == pytest.approx(1.0, abs=0.02)


async def test_after_a_silence_there_is_no_rush(clock: Clock) -> None:
    pace = Pace(10, clock=clock, sleep=clock.sleep)
    await pace.turn()
    clock.now += 60

    await pace.turn()
    await pace.turn()

    assert clock.slept[-1] == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("failure", [None, httpx.Response(503, headers={"Retry-After": "1"}), httpx.Response(502)])
async def test_an_order_that_nobody_answered_is_sent_again_with_its_key(
    visitor: Visitor, server: Server, failure: httpx.Response | None
) -> None:
    server.script = [failure, failure, httpx.Response(201, json={})]

    answer = await visitor.ask(ORDER)

    assert answer.status_code == 201
    assert [request.headers["Idempotency-Key"] for request in server.asked] == ["one-order"] * 3
    assert visitor.tally.errors == 2


async def test_tries_come_slower_and_slower(visitor: Visitor, server: Server, clock: Clock) -> None:
    server.script = [None] * 6 + [httpx.Response(200)]

    await visitor.look("/v1/products")

    assert pauses(clock) == [*WAITS, WAITS[-1], WAITS[-1]]


async def test_who_is_over_a_limit_waits_as_long_as_the_answer_says(visitor: Visitor, server: Server, clock: Clock) -> None:
    server.script = [httpx.Response(429, headers={"Retry-After": "17"}), httpx.Response(200)]

    await visitor.look("/v1/products")

    assert pauses(clock) == [17]
    assert visitor.tally.errors == 0


@pytest.mark.parametrize("status", [409, 422, 500])
async def test_what_was_refused_for_good_is_not_sent_again(visitor: Visitor, server: Server, status: int) -> None:
    server.script = [httpx.Response(status)]

    assert (await visitor.ask(ORDER)).status_code == status


async def test_a_session_that_was_ended_elsewhere_is_begun_anew(visitor: Visitor, server: Server) -> None:
    server.script = [httpx.Response(401), httpx.Response(201, json={})]

    assert (await visitor.ask(ORDER)).status_code == 201


async def test_an_account_that_cannot_sign_in_is_named(visitor: Visitor, server: Server) -> None:
    server.sign_in = httpx.Response(401)

    with pytest.raises(Trouble, match=r"ann@shop\.example cannot sign in"):
        await visitor.ask(ORDER)


def test_the_same_dice_want_the_same_things_and_the_popular_more_often() -> None:
    articles = tuple(Article(f"SKU-{number}", "Mug", "kitchen", 1_000) for number in range(40))
    shop = Assortment(articles, frozenset({"AMS"}))
    one, other = random.Random("1 ann"), random.Random("1 ann")

    wanted = [shop.pick(one) for _ in range(500)]

    assert wanted == [shop.pick(other) for _ in range(500)]
    assert wanted.count([articles[0]]) > 5 * wanted.count([articles[39]]) > 0


def test_a_summary_says_how_many_how_fast_and_what_came_of_them() -> None:
    tally = Tally()
    for milliseconds in range(1, 101):
        tally.note_answer(200, seconds=milliseconds / 1_000)
    tally.note_answer(503, seconds=1)
    tally.note_silence()
    tally.note("held")

    assert tally.line(a_second=34) == " 34.0 requests/s  held 1  confirmed 0  refused 0  errors 2"
    assert tally.summary(seconds=51) == [
        "102 requests in 51 s, 2.0 a second.",
        "What came of them: 1 held.",
        "Of the answers 100 were 200, 1 were 503; 1 requests got none.",
        "Half of the answers came within 51.0 ms, 99 % within 100.0 ms.",
    ]


def test_accounts_of_an_older_clone_keep_their_passwords_and_get_regulars_beside_them(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    first = credentials.load_or_create(file)
    only = {role: f'"{role}": {{"email": "{first.of(role).email}", "password": "{first.of(role).password}"}}' for role in ROLES}
    file.write_text(f"{{{', '.join(only.values())}}}")

    now = credentials.load_or_create(file)

    assert [now.of(role) for role in ROLES] == [first.of(role) for role in ROLES]
    assert [login.email for login in now.regulars] == [f"{name}@holdfast.example" for name in REGULARS]
