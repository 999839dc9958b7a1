"""Without these, a scanner fills Prometheus with series, or a dashboard shows what did not happen."""

import random
import string

from structlog.testing import capture_logs

from services.api.errors import codes
from tests.support.api import Api, Client, line, open_api
from tests.support.database import Database
from tests.support.options import Rounds
from tests.support.people import People
from tests.support.scrape import Figures, scrape_in_process

_REQUESTS = "inventory_http_request_duration_seconds_count"
_METHODS = ("GET", "POST", "PUT", "BREW", "PROPFIND", "GETT", "get")


def _anything() -> str:
    return "".join(random.choices(string.ascii_letters + string.digits + "-_~%20", k=random.randint(1, 40)))


async def _scan(nobody: Client, times: int) -> None:
    for _ in range(times):
        prefix = random.choice(("/", "/v1/", "/v1/products/", "/v1/reservations/", "/v1/products/x/stock/"))
        await nobody.http.request(random.choice(_METHODS), prefix + _anything())


def _series(figures: Figures) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {(sample.name, tuple(sorted(sample.labels.items()))) for sample in figures.samples}


async def test_paths_and_methods_that_nobody_thought_of_add_no_series(api: Api, nobody: Client, rounds: Rounds) -> None:
    await _scan(nobody, 600)
    known = _series(scrape_in_process(api))

    await _scan(nobody, rounds(quick=600, proof=10_000))

    assert _series(scrape_in_process(api)) == known


async def test_a_request_is_counted_once_under_its_route_method_and_class_of_status(api: Api, customer: Client, staff: Client) -> None:
    await staff.stock("MUG", "AMS", 3)
    before = scrape_in_process(api)

    for _ in range(3):
        await customer.http.get("/v1/products/MUG")
    await customer.http.get("/v1/products/NOPE")
    await customer.http.get("/nowhere")

    after = scrape_in_process(api)
    of_product = {"route": "/v1/products/{key}", "method": "GET"}
    assert after.of(_REQUESTS, **of_product, status="2xx") == 3
    assert after.of(_REQUESTS, **of_product, status="4xx") == 1
    assert after.of(_REQUESTS, route="(no route)", method="GET", status="4xx") == 1
    assert after.of(_REQUESTS) - before.of(_REQUESTS) == 5
    assert after.of("inventory_http_requests_in_flight") == 0


async def test_a_refusal_is_counted_by_its_code_and_every_code_is_told_from_the_start(api: Api, customer: Client, staff: Client) -> None:
    await staff.stock("MUG", "AMS", 3)
    assert {sample.labels["code"] for sample in scrape_in_process(api).samples if sample.name == "inventory_refusals_total"} == codes()

    await customer.place(line("MUG", 4))
    await customer.place(line("MUG", 4))
    await customer.http.get("/v1/stock")
    await customer.http.get("/v1/products/NOPE")

    refused = scrape_in_process(api).by("inventory_refusals_total", "code")
    assert refused == {"insufficient_stock": 2, "forbidden": 1, "not_found": 1}


async def test_a_request_that_is_refused_before_its_route_is_counted_under_it(database: Database, people: People, cache_url: str) -> None:
    async with open_api(database, people, cache_url=cache_url, rate_limit_factor="1") as api:
        nobody = await api.client()
        answers = [(await nobody.http.post("/v1/auth/token", data={"username": "a@b.example", "password": "x"})) for _ in range(40)]
        limited = sum(answer.status_code == 429 for answer in answers)

        told = scrape_in_process(api)

    assert limited > 0
    assert sum(told.by("inventory_requests_limited_total", "policy").values()) == limited
    assert told.of("inventory_refusals_total", code="rate_limited") == limited
    assert told.of(_REQUESTS, route="/v1/auth/token", method="POST") == len(answers)


async def test_an_answer_that_is_given_again_is_counted(api: Api, customer: Client, staff: Client) -> None:
    await staff.stock("MUG", "AMS", 3)
    for _ in range(3):
        assert (await customer.place(line("MUG"), key="once")).status_code == 201

    assert scrape_in_process(api).of("inventory_idempotent_replays_total") == 2


async def test_copies_are_counted_by_where_they_came_from(api: Api, nobody: Client, staff: Client) -> None:
    await staff.create_product("MUG")
    told = [(await nobody.http.get(path)).headers["X-Cache"] for path in ("/v1/products/MUG",) * 3 + ("/v1/products?limit=1",) * 2]
    told.append((await nobody.http.get("/v1/products/MUG?consistency=strong")).headers["X-Cache"])

    figures = scrape_in_process(api)

    assert figures.by("inventory_cache_answers_total", "source") == {source: told.count(source) for source in set(told)}
    assert figures.of("inventory_cache_leases_total") == figures.of("inventory_cache_fills_total", outcome="kept") == 2


async def test_a_line_of_a_request_says_what_the_servers_were_asked(api: Api, nobody: Client, staff: Client) -> None:
    await staff.create_product("MUG")
    before = scrape_in_process(api)

    with capture_logs() as lines:
        for _ in range(2):
            await nobody.http.get("/v1/products/MUG")
        await nobody.http.get("/v1/products/MUG?consistency=strong")

    after = scrape_in_process(api)
    told = [(said["cache"], said["redis_trips"], said["database_trips"]) for said in lines]
    assert told == [("miss", 2, 1), ("hit", 1, 0), ("bypass", 1, 1)]
    assert after.of("inventory_redis_round_trips_total") - before.of("inventory_redis_round_trips_total") == 4
    assert after.of("inventory_database_round_trips_total") - before.of("inventory_database_round_trips_total") == 2
