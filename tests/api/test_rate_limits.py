"""Without these, a limit is declared and never holds, or another spelling of a request escapes it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio

from services.inventory.accounts.permissions import Permission
from tests.api.test_permissions import TABLE, ask
from tests.support.api import Api, Client, line, open_api
from tests.support.database import Database
from tests.support.people import People
from tests.support.problems import assert_problem
from tests.support.settings import NO_REDIS

UNLIMITED = {"GET /livez", "GET /readyz"}
ONE_AT_ONCE = "0.001"  # of every limit
PROXY = "127.0.0.1/32"  # who sends our tests' requests, and may say for whom


@pytest_asyncio.fixture
async def strict(database: Database, people: People, cache_url: str) -> AsyncIterator[Api]:
    """One request at once, and the next after some seconds."""
    async with _limited(database, people, cache_url, ONE_AT_ONCE) as api:
        yield api


@pytest_asyncio.fixture
async def usual(database: Database, people: People, cache_url: str) -> AsyncIterator[Api]:
    """The limits that are shipped."""
    async with _limited(database, people, cache_url, "1") as api:
        yield api


@asynccontextmanager
async def _limited(database: Database, people: People, cache_url: str, factor: str) -> AsyncIterator[Api]:
    async with open_api(database, people, cache_url=cache_url, rate_limit_factor=factor, trusted_proxies=PROXY) as api:
        yield api


async def from_address(api: Api, address: str, client: Client | None = None) -> Client:
    """The same person, or nobody, from there."""
    there = await api.client(client.person if client else None)
    there.http.headers["X-Forwarded-For"] = address
    return there


def names(answer: httpx.Response, header: str = "RateLimit-Policy") -> list[str]:
    return [one.split(";")[0].strip().strip('"') for one in answer.headers[header].split(",")]


def assert_limited(answer: httpx.Response, limit: str = "") -> None:
    """By this limit, if one is named."""
    problem = assert_problem(answer, 429, "rate_limited")
    assert problem["retryable"]
    assert f"the limit '{limit}" in problem["detail"]
    assert "HOLDFAST_RATE_LIMIT_FACTOR" in problem["detail"]
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("has_redis", [True, False], ids=["redis", "no redis"])
async def test_every_route_refuses_who_asks_too_often(database: Database, people: People, cache_url: str, *, has_redis: bool) -> None:
    async with _limited(database, people, cache_url if has_redis else NO_REDIS, ONE_AT_ONCE) as api:
        for number, route in enumerate(sorted(TABLE)):
            client = await from_address(api, f"192.0.2.{number}")
            first, second = await ask(client, route), await ask(client, route)
            if route in UNLIMITED:
                assert {first.status_code, second.status_code} == {200}
                assert "RateLimit" not in second.headers
            else:
                assert first.status_code != 429, (route, first.text)
                assert second.status_code == 429
                if not route.startswith("HEAD"):
                    assert_limited(second)


async def test_an_account_is_limited_wherever_it_asks_from(strict: Api) -> None:
    admin = await strict.admin()
    statuses = []
    for number, (route, row) in enumerate(sorted(TABLE.items())):
        if row.permission is None or row.permission is Permission.CATALOG_READ:
            continue
        answer = await ask(await from_address(strict, f"192.0.2.{number}", admin), route)
        assert "account" in names(answer), route
        statuses.append(answer.status_code)
    assert statuses[-1] == 429


async def test_what_is_left_counts_down_and_comes_back(usual: Api) -> None:
    client = await from_address(usual, "192.0.2.1")

    answers = [await client.http.get("/v1/products") for _ in range(2)]

    assert answers[0].headers["RateLimit-Policy"] == '"network";q=500;w=5'
    assert answers[0].headers["RateLimit"] == '"network";r=499;t=1'
    left = int(answers[1].headers["RateLimit"].split(";")[1].removeprefix("r="))
    assert left in {498, 499}  # a hundredth of a second brings one back


async def test_the_limits_are_those_that_are_promised(usual: Api) -> None:
    nobody, customer = await usual.client(), await usual.customer()
    form = {"username": "me@example.com", "password": "x"}

    said = {
        "read": (await customer.http.get("/v1/products")).headers["RateLimit-Policy"],
        "place": (await customer.place(line("TEE"))).headers["RateLimit-Policy"],
        "sign in": (await nobody.http.post("/v1/auth/token", data=form)).headers["RateLimit-Policy"],
        "forget": (await nobody.http.post("/v1/auth/forgot-password", json={"email": "me@example.com"})).headers["RateLimit-Policy"],
    }

    everybody = '"network";q=500;w=5'
    assert said == {
        "read": f'{everybody}, "account";q=300;w=6',
        "place": f'{everybody}, "placing";q=250;w=10, "account";q=300;w=6',
        "sign in": f'{everybody}, "sign-in";q=30;w=60, "address-tried";q=10;w=60',
        "forget": f'{everybody}, "credentials";q=10;w=60, "mails";q=3;w=3600',
    }


@pytest.mark.parametrize(
    "spellings",
    [
        [("GET", f"/v1/nowhere/{number}") for number in range(2)],
        [("GET", "/V1/Products"), ("GET", "/v1/PRODUCTS")],
        [("GET", "/v1/products/"), ("GET", "//v1/products")],
        [("TRACE", "/v1/products"), ("BREW", "/v1/products")],
        [("GET", f"/v1/products/{number}") for number in range(2)],
        [("GET", "/v1/products?sort=sku"), ("GET", "/v1/products?sort=-name")],
    ],
    ids=["no route", "case", "slashes", "methods", "ids", "queries"],
)
async def test_no_spelling_escapes(strict: Api, spellings: list[tuple[str, str]]) -> None:
    client = await from_address(strict, "192.0.2.1")

    first, second = [await client.http.request(method, path) for method, path in spellings]

    assert first.status_code != 429
    assert_limited(second, "network")


async def test_the_addresses_of_one_network_are_one(strict: Api) -> None:
    addresses = ["2001:db8:1:1::1", "2001:db8:1:1:ffff::2", "2001:db8:1:2::1", "::ffff:192.0.2.9", "192.0.2.9"]

    answers = [await (await from_address(strict, address)).http.get("/v1/products") for address in addresses]

    assert [answer.status_code for answer in answers] == [200, 429, 200, 200, 429]


async def test_what_a_stranger_forwards_changes_nothing(database: Database, people: People, cache_url: str) -> None:
    async with open_api(database, people, cache_url=cache_url, rate_limit_factor=ONE_AT_ONCE) as trusting_nobody:
        answers = [await (await from_address(trusting_nobody, f"192.0.2.{number}")).http.get("/v1/products") for number in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]


async def test_what_one_limit_refuses_costs_nothing_with_the_others(usual: Api) -> None:
    client = await from_address(usual, "192.0.2.1")
    tried = [await client.http.post("/v1/auth/verify-email", json={"token": "x"}) for _ in range(14)]

    left = [int(one.headers["RateLimit"].split(",")[0].split(";")[1].removeprefix("r=")) for one in tried]

    assert [answer.status_code for answer in tried].count(429) == 4
    assert min(left[10:]) >= left[9]


async def test_tries_at_one_address_are_few_and_hash_nothing(usual: Api, people: People) -> None:
    owner = await people.join()

    answers = [
        await (await from_address(usual, f"192.0.2.{number}")).http.post(
            "/v1/auth/token", data={"username": f" {owner.email.upper()}", "password": "wrong"}
        )
        for number in range(11)
    ]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert_limited(answers[-1], "address-tried")


async def test_nobody_locks_the_owner_out(usual: Api, people: People) -> None:
    owner = await people.join()
    home = await from_address(usual, "198.51.100.1")
    right = {"username": owner.email, "password": owner.password}
    assert (await home.http.post("/v1/auth/token", data=right)).status_code == 200
    for number in range(10):
        await (await from_address(usual, f"192.0.2.{number}")).http.post("/v1/auth/token", data=right | {"password": "wrong"})

    elsewhere = await from_address(usual, "203.0.113.1")

    assert (await elsewhere.http.post("/v1/auth/token", data=right)).status_code == 429
    assert (await home.http.post("/v1/auth/token", data=right)).status_code == 200


async def test_an_address_gets_few_mails_an_hour_whether_it_has_an_account_or_not(usual: Api, people: People) -> None:
    owner = await people.join()

    for email in (owner.email, "nobody@example.com"):
        asked = [
            await (await from_address(usual, f"192.0.2.{number}")).http.post("/v1/auth/forgot-password", json={"email": email})
            for number in range(4)
        ]
        assert [answer.status_code for answer in asked] == [202, 202, 202, 429]
        assert_limited(asked[-1], "mails")


async def test_without_a_factor_there_is_no_limit(database: Database, people: People, cache_url: str) -> None:
    async with _limited(database, people, cache_url, "0") as api:
        client = await from_address(api, "192.0.2.1")
        answers = [await client.http.get("/v1/products") for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers
