"""Without these, the OpenAPI document says less than the API knows, and who reads it has to guess."""

import json
import re

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from services.api.errors import MEDIA_TYPE
from services.api.main import create_app
from tests.support.api import Client, Json
from tests.support.openapi import assert_fits, operations, resolved
from tests.support.settings import settings
from tests.support.unplugged import NOWHERE

CHARACTERS_MAX = 220_000  # a reader scrolls through it, and every generated client begins with it


@pytest.fixture(scope="module")
def document() -> Json:
    return create_app(settings(NOWHERE)).openapi()


_OF_ALL = {"X-Request-ID", "RateLimit", "RateLimit-Policy"}


def named(document: Json) -> dict[str, Json]:
    return {operation["operationId"]: operation for _, _, operation in operations(document)}


async def test_it_is_served_as_it_was_made(unplugged_nobody: Client, document: Json) -> None:
    assert (await unplugged_nobody.http.get("/openapi.json")).json() == document


def test_it_is_what_openapi_3_1_says(document: Json) -> None:
    # Without formats: this release of the schema wants tokenUrl absolute, which the specification's text does not.
    jsonschema_rs.validator_for(OPENAPI_31, validate_formats=False).validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["license"] == {"name": "MIT", "identifier": "MIT"}
    assert document["servers"]
    assert len(json.dumps(document)) <= CHARACTERS_MAX


def test_every_operation_has_a_name_for_a_function_and_a_summary(document: Json) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(set(names)) == len(names)
    for name, operation in named(document).items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert operation["summary"]


def test_every_operation_lies_under_a_heading_that_is_explained(document: Json) -> None:
    explained = {tag["name"] for tag in document["tags"] if tag["description"]}

    assert {tag for _, _, operation in operations(document) for tag in operation["tags"]} == explained


def test_every_schema_has_a_name_for_a_class(document: Json) -> None:
    for name in document["components"]["schemas"]:
        assert re.fullmatch(r"([A-Z][a-z]+)+", name), name


@pytest.mark.parametrize(
    ("name", "roles", "sentence", "security"),
    [
        ("sign_in", ["customer", "staff", "admin"], "**Who may**: anybody.", None),
        ("read_product", ["customer", "staff", "admin"], "anybody, also without a token", [{}, {"account": []}]),
        ("place_reservation", ["customer", "staff", "admin"], "customer, staff, admin (`reservations:use_own`)", [{"account": []}]),
        ("adjust_stock", ["staff", "admin"], "staff, admin (`stock:adjust`)", [{"account": []}]),
        ("read_reconciliation", ["admin"], "admin (`reconciliation:read`)", [{"account": []}]),
    ],
)
def test_every_operation_says_who_may(document: Json, name: str, roles: list[str], sentence: str, security: list[Json] | None) -> None:
    operation = named(document)[name]

    assert operation["x-roles"] == roles
    assert sentence in operation["description"]
    assert operation.get("security") == security


def test_signing_in_is_oauth2s_password_flow(document: Json) -> None:
    [scheme] = document["components"]["securitySchemes"].values()

    assert scheme == {"type": "oauth2", "flows": {"password": {"scopes": {}, "tokenUrl": "/v1/auth/token"}}}
    assert "/v1/auth/token" in document["paths"]


def test_every_operation_names_the_problems_it_can_answer_with_an_example_of_each(document: Json) -> None:
    for name, operation in named(document).items():
        assert "422" in operation["responses"], name  # an unknown query parameter is one everywhere
        if operation["tags"] != ["health"]:
            assert {"401", "503"} <= operation["responses"].keys(), name
        for status, reference in operation["responses"].items():
            if status >= "400" and (name, status) != ("read_readiness", "503"):
                assert_problems(document, status, resolved(document, reference))


def assert_problems(document: Json, status: str, response: Json) -> None:
    content = response["content"][MEDIA_TYPE]
    problems = [resolved(document, example)["value"] for example in content["examples"].values()]
    assert sorted(problem["code"] for problem in problems) == re.findall(r"`(\w+)`: ", response["description"])
    for problem in problems:
        assert problem["status"] == int(status)
        assert_fits(document, content["schema"], problem)
    assert ("WWW-Authenticate" in response["headers"]) == (status == "401")
    assert ("Retry-After" in response["headers"]) == (status in {"429", "503"} or "idempotency_in_progress" in response["description"])


def test_every_answer_names_its_headers(document: Json) -> None:
    headers = {
        f"{name} {status}": resolved(document, response)["headers"].keys() - _OF_ALL
        for name, operation in named(document).items()
        for status, response in operation["responses"].items()
        if status < "400"
    }

    assert headers["read_product 200"] == headers["read_product 304"] == {"ETag", "X-Cache"}
    assert headers["create_product 201"] == headers["put_cart 201"] == {"ETag", "Location"}
    assert headers["place_reservation 201"] == {"ETag", "Location", "Idempotent-Replayed"}
    assert headers["adjust_stock 201"] == {"Idempotent-Replayed"}
    assert headers["list_products 200"] == {"Link", "X-Cache"}
    assert headers["read_availability 200"] == {"X-Cache"}
    assert headers["list_levels 200"] == {"Link"}


def test_what_takes_a_key_says_so(document: Json) -> None:
    assert needing(document, "Idempotency-Key") == {
        "place_reservation",
        "confirm_reservation",
        "cancel_reservation",
        "extend_reservation",
        "fulfil_reservation",
        "adjust_stock",
        "count_stock",
        "transfer_stock",
    }


def test_what_could_overwrite_anothers_change_says_so(document: Json) -> None:
    assert needing(document, "If-Match") == {"change_product", "archive_product", "change_warehouse", "archive_warehouse"}


def needing(document: Json, header: str) -> set[str]:
    return {
        name
        for name, operation in named(document).items()
        if any(parameter["name"] == header and parameter["required"] for parameter in operation.get("parameters", ()))
    }


def test_it_tells_no_secret_and_no_internal_field(document: Json) -> None:
    text = json.dumps(document)

    for word in ("password_hash", "fingerprint", "only-for-tests"):
        assert word not in text
