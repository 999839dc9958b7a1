"""Without these, nobody can follow a request through the logs, or a browser makes of an answer what it likes."""

import uuid

import pytest
from structlog.testing import capture_logs

from tests.support.api import Client, line
from tests.support.database import Database


@pytest.mark.parametrize("path", ["/v1/me", "/v1/nowhere", "/livez", "/docs", "/openapi.json", "/v1/stock"])
async def test_every_answer_has_its_headers(unplugged_nobody: Client, path: str) -> None:
    answer = await unplugged_nobody.http.get(path)

    assert uuid.UUID(answer.headers["X-Request-ID"]).version == 7
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("mine", ["abcd-1234", "A" * 64])
async def test_a_harmless_request_id_is_kept(unplugged_nobody: Client, mine: str) -> None:
    assert (await unplugged_nobody.http.get("/livez", headers={"X-Request-ID": mine})).headers["X-Request-ID"] == mine


@pytest.mark.parametrize("mine", ["", "short", "A" * 65, "under_score", "a b c d e f", 'x"}{"level":"error', "abcdefgh\t"])
async def test_any_other_is_replaced(unplugged_nobody: Client, mine: str) -> None:
    given = (await unplugged_nobody.http.get("/livez", headers={"X-Request-ID": mine})).headers["X-Request-ID"]

    assert given != mine
    assert uuid.UUID(given).version == 7


async def test_a_request_is_one_line_with_the_template_of_its_path(customer: Client, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)
    reservation = (await customer.place(line("TEE"))).json()["id"]

    with capture_logs() as lines:
        await customer.confirm(reservation)

    [said] = lines
    assert customer.person
    assert said.pop("duration_ms") > 0
    assert said.pop("database_trips") > 0  # tests/inventory/test_round_trips.py counts them
    assert said.pop("redis_trips") > 0
    assert said.pop("request_id")
    assert said == {
        "event": "request",
        "log_level": "info",
        "method": "POST",
        "route": "/v1/reservations/{reservation_id}/confirm",
        "status": 200,
        "account_id": str(customer.person.account_id),
    }


async def test_a_refusal_is_logged_with_its_code(customer: Client, nobody: Client) -> None:
    with capture_logs() as lines:
        await customer.place(line("NOPE"))
        await customer.place(line("TEE", 0))
        await customer.http.post("/v1/products", json={})
        await nobody.http.get("/v1/stock")
        await nobody.http.get("/wp-login.php?user=admin")
        await nobody.http.post("/v1/products", content=b"x" * 70_000)

    assert [(said["route"], said["status"], said["code"]) for said in lines] == [
        ("/v1/reservations", 422, "unknown_sku"),
        ("/v1/reservations", 422, "validation_error"),
        ("/v1/products", 403, "forbidden"),
        ("/v1/stock", 401, "unauthenticated"),
        ("(no route)", 404, "not_found"),
        ("(no route)", 413, "body_too_large"),
    ]
    assert ["account_id" in said for said in lines] == [True, True, True, False, False, False]


async def test_health_is_not_worth_a_line_until_it_fails(nobody: Client, database: Database) -> None:
    with capture_logs() as lines:
        await nobody.http.get("/livez")
        await nobody.http.get("/readyz")
        await database.do("UPDATE alembic_version SET version_num = '2000'")
        await nobody.http.get("/readyz")

    assert [(said["route"], said["status"]) for said in lines] == [("/readyz", 503)]


async def test_what_nobody_foresaw_is_logged_as_an_error_with_its_cause(staff: Client, database: Database) -> None:
    await database.do("ALTER TABLE products ADD CONSTRAINT nobody_knows_me CHECK (false) NOT VALID")

    with capture_logs() as lines:
        await staff.create_product("TEE")

    [said] = lines
    assert (said["log_level"], said["status"]) == ("error", 500)
    assert "nobody_knows_me" in str(said["exc_info"])
