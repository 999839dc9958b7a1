"""Without these, a page of any origin reads what it should not, or our own shop cannot read why it was refused."""

import httpx
import pytest

from services.api import guards
from services.runtime.settings import load_settings
from tests.support.problems import assert_problem
from tests.support.settings import environment, settings
from tests.support.unplugged import NOWHERE, serving

SHOP = "https://shop.example"
OTHERS = ["https://shop.example.evil.example", "http://shop.example", "https://shop.example:8443", "https://SHOP.example", "null", "*"]
READABLE = {
    *("ETag", "Link", "Location", "Retry-After", "RateLimit", "RateLimit-Policy"),
    *("X-Request-ID", "X-Cache", "Idempotent-Replayed"),
}


def preflight(origin: str, method: str = "POST", headers: str = "authorization,idempotency-key,content-type") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}


async def test_the_shop_may_ask_and_others_may_not() -> None:
    async with serving(NOWHERE, cors_origins=f"{SHOP}, https://other.example") as (client, _):
        allowed = await client.http.options("/v1/reservations", headers=preflight(SHOP))
        refused = [await client.http.options("/v1/reservations", headers=preflight(origin)) for origin in OTHERS]
        odd = await client.http.options("/v1/reservations", headers=preflight(SHOP, headers="x-anything"))
        answers = [await client.http.get("/livez", headers={"Origin": origin}) for origin in OTHERS]

    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Idempotency-Key" in allowed.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    assert "X-Request-ID" in allowed.headers
    assert {answer.status_code for answer in (*refused, odd)} == {400}
    for answer in (*refused, *answers):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


async def test_preflights_count_as_other_requests_do() -> None:
    async with serving(NOWHERE, cors_origins=SHOP, rate_limit_factor="0.001") as (client, _):
        answers = [await client.http.options("/v1/reservations", headers=preflight(SHOP)) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert_problem(answers[1], 429, "rate_limited")


async def test_the_shop_reads_every_answer_refusals_of_the_guards_included(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(NOWHERE, cors_origins=SHOP) as (client, parts):
        client.http.headers["Origin"] = SHOP
        answers = {
            200: await client.http.get("/livez"),
            404: await client.http.get("/nowhere"),
            401: await client.http.get("/v1/stock"),
            413: await client.http.post("/v1/products", content=b"x" * 70_000),
            431: await client.http.get("/v1/stock", headers={"Authorization": "x" * 5_000}),
        }
        monkeypatch.setattr(guards, "IN_FLIGHT_MAX", 0)
        answers[503] = await client.http.get("/v1/stock")
        monkeypatch.setattr(guards, "IN_FLIGHT_MAX", 1)
        monkeypatch.delattr(type(parts.access), "caller")
        answers[500] = await client.http.get("/v1/stock", headers={"Authorization": "Bearer x"})

    for status, answer in answers.items():
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP
        assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == READABLE
        assert answer.headers["Vary"] == "Origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert_problem(answers[500], 500, "internal_error")


async def test_where_no_origin_is_named_no_page_reads_anything() -> None:
    async with serving(NOWHERE) as (client, _):
        answer: httpx.Response = await client.http.get("/livez", headers={"Origin": SHOP})

    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origin", ["*", "null", "shop.example", "https://shop.example/", "https://Shop.example", "https://*.example", "ftp://a"]
)
def test_an_origin_that_no_browser_sends_stops_the_start_up(origin: str) -> None:
    with pytest.raises(ValueError, match="must be origins like"):
        settings(NOWHERE, cors_origins=f"{SHOP},{origin}")


@pytest.mark.parametrize("network", ["10.0.0.1/8", "everybody", "10.0.0.0/33", "*"])
def test_a_network_that_is_none_stops_the_start_up(network: str) -> None:
    with pytest.raises(ValueError, match="must be networks like"):
        settings(NOWHERE, trusted_proxies=network)


def test_both_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"trusted_proxies": "10.0.0.0/8, fd00::/8 ,192.0.2.1", "cors_origins": f"{SHOP}, http://localhost:3000"}
    for name, value in environment(NOWHERE, **chosen).items():
        monkeypatch.setenv(name, value)

    loaded = load_settings()

    assert [str(network) for network in loaded.trusted_proxies] == ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"]
    assert loaded.cors_origins == (SHOP, "http://localhost:3000")
