"""Without these, an answer of the framework's own making reaches a client that expects ours."""

from collections.abc import AsyncIterator

import httpx
import pytest

from services.api.errors import ECHO_LENGTH_MAX
from services.api.main import create_app
from tests.support.api import Client
from tests.support.database import Database
from tests.support.problems import assert_problem, nothing_changes
from tests.support.settings import settings
from tests.support.unplugged import NOWHERE

LARGE = 10_000_000


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/products", "/v1/products/", "/v1/products/TEE/", "/V1/products", "/docs/"])
async def test_a_path_that_leads_nowhere_is_not_found(unplugged_nobody: Client, path: str) -> None:
    answer = await unplugged_nobody.http.get(path)

    assert assert_problem(answer, 404, "not_found")["instance"] == path


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
async def test_a_method_that_a_path_does_not_know_is_named_with_those_it_does(unplugged_nobody: Client, method: str) -> None:
    answer = await unplugged_nobody.http.request(method, "/v1/products")

    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"]


async def test_the_router_is_not_asked_for_a_route_that_the_table_knows() -> None:
    app = create_app(settings(NOWHERE))
    app.router.routes.clear()

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://holdfast.test", transport=httpx.ASGITransport(app)) as http,
    ):
        known, unknown = await http.get("/livez"), await http.get("/nowhere")

    assert (known.status_code, unknown.status_code) == (200, 404)


@pytest.mark.parametrize("path", ["/v1/products", "/v1/reservations", "/v1/stock-adjustments", "/v1/auth/token", "/nowhere"])
async def test_a_body_of_ten_megabytes_is_not_read(unplugged: Client, path: str) -> None:
    was_read = False

    async def endless() -> AsyncIterator[bytes]:
        nonlocal was_read
        was_read = True
        yield b"x"

    headers = {"Content-Length": str(LARGE), "Content-Type": "application/json", "Idempotency-Key": "k1"}

    answer = await unplugged.http.post(path, content=endless(), headers=headers)

    assert "64 KiB" in assert_problem(answer, 413, "body_too_large")["detail"]
    assert not was_read


async def test_a_body_that_keeps_its_size_to_itself_is_read_no_further_than_the_limit(unplugged: Client) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < LARGE:
            sent += 10_000
            yield b"x" * 10_000

    headers = {"Content-Type": "application/json", "Idempotency-Key": "k1"}

    answer = await unplugged.http.post("/v1/products", content=chunks(), headers=headers)

    assert_problem(answer, 413, "body_too_large")


async def test_a_body_in_pieces_is_a_body(staff: Client) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for piece in (b'{"sku": "T', b'EE", "name"', b': "Tee"}'):
            yield piece

    answer = await staff.http.post("/v1/products", content=chunks(), headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["sku"]) == (201, "TEE")


async def test_64_kib_are_not_too_much(staff: Client) -> None:
    body = b'{"sku": "TEE", "name": "Tee"' + b" " * (65_536 - 29) + b"}"
    assert len(body) == 65_536

    for content, status in ((body, 201), (body + b" ", 413)):
        answer = await staff.http.post("/v1/products", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == status


async def test_a_path_as_long_as_one_likes_is_not_sent_back(nobody: Client) -> None:
    problem = assert_problem(await nobody.http.get("/v1/products/" + "x" * 50_000), 404, "not_found")

    assert len(problem["instance"]) == len(problem["detail"]) == ECHO_LENGTH_MAX


@pytest.mark.parametrize("host", ["[", "a b", "evil.example/x", "\xbd"])
async def test_a_host_that_is_none_confuses_nobody(unplugged_nobody: Client, host: str) -> None:
    answer = await unplugged_nobody.http.get("/v1/nowhere", headers=[(b"Host", host.encode("latin-1"))])

    assert assert_problem(answer, 404, "not_found")["instance"] == "/v1/nowhere"


async def test_what_nobody_foresaw_is_an_error_that_says_nothing(staff: Client, database: Database) -> None:
    await database.do("ALTER TABLE products ADD CONSTRAINT nobody_knows_me CHECK (name <> 'secret')")

    async with nothing_changes(database):
        answer = await staff.create_product("TEE", name="secret")

    problem = assert_problem(answer, 500, "internal_error")
    assert not {"nobody_knows_me", "secret", "products_", "INSERT"} & set(answer.text.split())
    assert problem["detail"] == "something went wrong on our side; the request_id helps us to find it"
    assert not problem["retryable"]
