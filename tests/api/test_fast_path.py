"""Without these, the short way of a request gives another answer than the long one, or one to somebody who may not have it."""

import random
import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from services.api import fast_path
from services.inventory.accounts.model import Role
from tests.support.api import Api, Client, Json, open_api
from tests.support.database import Database
from tests.support.options import Rounds
from tests.support.people import People, Person

SKUS = ("TEE", "a/b", "Ünïcøde", "with blank", "100%")
_NOW = re.compile(rb'"server_time":"[^"]+"')
_OF_ONE_ANSWER = {"x-request-id", "ratelimit", "retry-after"}  # the last two tell the time


@pytest_asyncio.fixture
async def both(database: Database, people: People, cache_url: str) -> AsyncIterator[tuple[Api, Api]]:
    """One API with the fast path and one without, before the same database; each with copies and buckets of its own."""
    other_cache = urlsplit(cache_url)._replace(path="/2").geturl()
    async with Redis.from_url(other_cache) as redis:
        await redis.flushdb()
    async with (
        open_api(database, people, cache_url=cache_url, fast_path="on") as fast,
        open_api(database, people, cache_url=other_cache, fast_path="off") as slow,
    ):
        yield fast, slow


async def stocked(staff: Client) -> list[Json]:
    made = [await staff.create_product(sku) for sku in SKUS] + [await staff.create_warehouse("AMS")]
    return [answer.json() for answer in made]


def a_request(dice: random.Random, things: list[Json], people: list[Person]) -> httpx.Request:
    """Anything that could be meant for a product or a warehouse."""
    thing = dice.choice(things)
    kind, name = ("warehouses", thing["code"]) if "code" in thing else ("products", thing["sku"])
    name = dice.choice([name, name, name, thing["id"], thing["id"].upper(), "nothing", "%00", "%ED%A0%80", "u\u0308", "..", ""])
    path = f"/v1/{dice.choice([kind, kind, kind, 'products', 'warehouses'])}/{_quoted(name)}"
    query = dice.choice(["", "", "", "", "?consistency=strong", "?consistency=weak", "?sort=sku", "?"])
    seen = dice.choice([[], [], [], ['"1"'], ['W/"1"'], ['"7", "1"'], ["*"], ['"9"'], ["x" * 1_001], ['"9"', '"1"'], [""]])
    bearer = [f"Bearer {person.token}" for person in people]
    asking = dice.choice([[], [], bearer[:1], bearer[1:2], ["Bearer x"], ["Basic YTpi"], [""], bearer[:2], ["bearer  x"]])
    headers = [*(("If-None-Match", value) for value in seen), *(("Authorization", value) for value in asking)]
    method = dice.choice(["GET", "GET", "GET", "HEAD", "OPTIONS", "DELETE"])
    return httpx.Request(method, f"http://holdfast.test{path}{query}", headers=headers)


def _quoted(name: str) -> str:
    return (
        name
        if name.startswith("%") or name == ".."
        else httpx.URL("http://x/").copy_with(path=f"/{name}").raw_path.decode()[1:].replace("/", "%2F")
    )


def shape(answer: httpx.Response, *, of_one_moment: str = "") -> object:
    """All of an answer but what is of this one alone."""
    headers = [(name, value) for name, value in answer.headers.multi_items() if name not in {*_OF_ONE_ANSWER, of_one_moment}]
    names = sorted(answer.headers)
    body: object = _NOW.sub(b"", answer.content)
    if answer.headers.get("Content-Type") == "application/problem+json" and answer.content:
        body = answer.json() | {"request_id": None}
        headers = [(name, value) for name, value in headers if name != "content-length"]  # ids are all of one length, but of many ages
    return answer.status_code, headers, names, body


async def test_the_fast_path_answers_byte_for_byte_what_the_ordinary_one_does(
    both: tuple[Api, Api], people: People, rounds: Rounds
) -> None:
    fast, slow = both
    callers = [await people.join(), await people.join()]
    things = await stocked(await fast.staff())
    dice = random.Random(rounds(quick=1, proof=2))
    on, off = (await fast.client()).http, (await slow.client()).http
    sources = set()

    for _ in range(rounds(quick=400, proof=20_000)):
        request = a_request(dice, things, callers)
        answers = [await http.send(httpx.Request(request.method, request.url, headers=request.headers)) for http in (on, off)]
        assert shape(answers[0]) == shape(answers[1]), (request.method, request.url, request.headers.raw)
        sources.add((answers[0].status_code, answers[0].headers.get("X-Cache")))

    assert {(200, "hit"), (200, "miss"), (200, "bypass"), (304, "hit"), (304, "bypass"), (401, None), (404, None), (422, None)} <= sources


LISTS = ("products", "warehouses", "availability", "reservations", "stock", "stock-movements", "notifications", "me", "audit-events")
PAGES = ("limit=2", "limit=0", "limit=x", "limit=2&limit=3", "cursor=", "cursor=x", "include=total_estimate", "include=everything")
SORTS = ("sort=sku", "sort=-price_minor", "sort=colour", "status=archived", "status=", "state=held", "colour=red", "&&")
FILTERS = ("q=TEE", "q=", "q=%00", "price_gte=1&price_lte=3", "attributes.colour=red", "attributes.=red", "updated_since=noon")
QUERIES = (*[""] * 4, *PAGES, *SORTS, *FILTERS, "updated_since=2026-01-01T00:00:00Z")
ORDERS = (
    b'{"lines": [{"sku": "TEE", "quantity": 1}]}',
    b'{"lines": [{"sku": "TEE", "quantity": 1, "warehouse": "AMS"}], "ttl_seconds": 60}',
    b'{"lines": [{"sku": "TEE", "quantity": 9000}]}',
    b'{"lines": [{"sku": "nothing", "quantity": 1}]}',
    b'{"lines": [{"sku": "TEE", "quantity": 1}], "colour": "red"}',
    b'{"lines": [{"sku": "TEE", "quantity": "1"}]}',
    b'{"lines": 1, "lines": 2}',
    b'{"lines": []}',
    *(b"{}", b"null", b"", b"[]", b"3", b"{", b"[" * 5_000, b"\xff", b"NaN"),
)
JSON = "application/json"
TYPES = (*[JSON] * 3, f"{JSON}; charset=utf-8", "application/x+json", "text/plain", "")


def another_request(dice: random.Random, people: list[Person], keys: list[str]) -> httpx.Request:
    """A list or an order, whatever may be wrong with it."""
    asking = dice.choice([*([f"Bearer {person.token}"] for person in people * 2), [], ["Bearer x"]])
    headers = [("Authorization", value) for value in asking]
    if dice.random() < 0.5:
        return httpx.Request("GET", f"http://holdfast.test/v1/{dice.choice(LISTS)}?{dice.choice(QUERIES)}", headers=headers)
    headers += [("Content-Type", kind) for kind in [dice.choice(TYPES)] if kind]
    headers += [("Idempotency-Key", key) for key in dice.choice([[dice.choice(keys)], [dice.choice(keys)], [], ["x" * 300], ["\x7f"]])]
    return httpx.Request("POST", "http://holdfast.test/v1/reservations", headers=headers, content=dice.choice(ORDERS))


async def test_a_plan_calls_a_route_as_the_framework_does(both: tuple[Api, Api], people: People, rounds: Rounds) -> None:
    fast, slow = both
    callers = [await people.join(), await people.join(Role.STAFF)]
    await (await fast.staff()).stock("TEE", "AMS", 1_000)
    dice = random.Random(rounds(quick=1, proof=2))
    on, off = (await fast.client()).http, (await slow.client()).http
    statuses = set()

    for _ in range(rounds(quick=400, proof=20_000)):
        request = another_request(dice, callers, [f"key-{n}" for n in range(500)])
        await on.send(request)  # the second answer to an order is not the first one
        answers = [
            await http.send(httpx.Request(request.method, request.url, headers=request.headers, content=request.content))
            for http in (on, off)
        ]
        planned, unplanned = [shape(answer, of_one_moment="x-cache") for answer in answers]
        assert planned == unplanned, (request.method, request.url, request.headers.raw, request.content)
        statuses.add((request.method, answers[0].status_code))

    got, posted = [("GET", status) for status in (200, 401, 403, 422)], [("POST", status) for status in (201, 400, 401, 409, 422)]
    assert {*got, *posted} <= statuses


async def test_too_many_requests_are_answered_alike(database: Database, people: People, cache_url: str) -> None:
    answers = []
    for is_fast in ("on", "off"):
        async with open_api(database, people, cache_url=cache_url, fast_path=is_fast, rate_limit_factor="0.001") as api:
            client = await api.client()
            answers += [await client.http.get("/v1/products/TEE") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [404, 429, 429, 429]
    assert shape(answers[1]) == shape(answers[3])


async def test_what_may_be_a_copy_is_the_same_for_everybody(api: Api, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)
    paths = ["/v1/products", "/v1/products/TEE", "/v1/warehouses", "/v1/warehouses/AMS", "/v1/availability?sku=TEE"]
    callers = [staff, await api.client(), await api.customer(), await api.customer(), await api.admin()]

    for path in paths:
        answers = [await caller.http.get(path) for caller in callers]
        assert len({answer.content for answer in answers}) == 1, path
        assert {answer.headers["X-Cache"] for answer in answers[1:]} == {"hit"}
        assert all("Vary" not in answer.headers and "Set-Cookie" not in answer.headers for answer in answers)


async def test_a_request_that_breaks_it_goes_the_ordinary_way(api: Api, staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await staff.create_product("TEE")
    nobody = await api.client()
    usual = await nobody.http.get("/v1/products/TEE")

    def breaks(*_: object) -> bool:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(fast_path, "_is_plain", breaks)
    answer = await nobody.http.get("/v1/products/TEE")

    assert answer.status_code == 200
    assert answer.content == usual.content


async def test_nothing_else_is_ever_a_copy(api: Api, staff: Client, customer: Client) -> None:
    await staff.stock("TEE", "AMS", 5)
    placed = (await customer.place({"sku": "TEE", "quantity": 1})).json()
    own = ["/v1/me", "/v1/auth/sessions", "/v1/reservations", f"/v1/reservations/{placed['id']}"]
    of_staff = ["/v1/stock", "/v1/stock-movements", "/v1/products/TEE/stock/AMS"]

    for path in [*own, *own]:
        answer = await customer.http.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store"), path
        assert "X-Cache" not in answer.headers
    for path in [*of_staff, *of_staff]:
        assert (await staff.http.get(path)).headers["Cache-Control"] == "private, no-store"

    other = await api.customer()
    assert (await other.http.get(own[-1])).status_code == 404
    assert (await other.http.get("/v1/reservations")).json()["items"] == []


async def test_a_copy_is_not_for_whoever_shows_a_bad_token(api: Api, staff: Client) -> None:
    await staff.create_product("TEE")
    nobody = await api.client()
    assert (await nobody.http.get("/v1/products/TEE")).status_code == 200

    for header in ("Bearer nonsense", "Basic YTpi"):
        answer = await nobody.http.get("/v1/products/TEE", headers={"Authorization": header, "If-None-Match": '"1"'})
        assert answer.status_code == 401
        assert "ETag" not in answer.headers


async def test_a_change_is_seen_at_once_under_every_name(api: Api, staff: Client) -> None:
    product = (await staff.create_product("TEE")).json()
    nobody = await api.client()
    paths = ["/v1/products/TEE", f"/v1/products/{product['id']}"]
    before = [await nobody.http.get(path) for path in [*paths, *paths]]
    assert [answer.headers["X-Cache"] for answer in before] == ["miss", "miss", "hit", "hit"]

    await staff.http.patch("/v1/products/TEE", json={"name": "Another"}, headers={"If-Match": '"1"'})
    after = [await nobody.http.get(path, headers={"If-None-Match": '"1"'}) for path in paths]

    assert [(answer.status_code, answer.json()["name"], answer.headers["ETag"]) for answer in after] == [(200, "Another", '"2"')] * 2
