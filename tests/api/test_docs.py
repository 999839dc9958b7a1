"""Without these, the documentation needs the internet, runs what others inject, or describes another API."""

import json
import re
from typing import Any

import pytest

from services.api.errors import MEDIA_TYPE
from tests.support.api import Client

NOT_IN_THE_DOCUMENT = {"/docs", "/docs/assets/{name}", "/openapi.json"}


async def document(nobody: Client) -> dict[str, Any]:
    answer = await nobody.http.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(openapi: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{method.upper()} {path}", operation) for path, methods in openapi["paths"].items() for method, operation in methods.items()]


async def test_the_page_loads_nothing_from_elsewhere(unplugged_nobody: Client) -> None:
    page = await unplugged_nobody.http.get("/docs")

    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "<script>" not in page.text
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert path == "data:," or (await unplugged_nobody.http.get(path)).status_code == 200
    assert "://" not in re.sub(r"<!doctype html>", "", page.text)


@pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js", "start.js"])
async def test_its_files_may_be_kept_for_a_day(unplugged_nobody: Client, name: str) -> None:
    answer = await unplugged_nobody.http.get(f"/docs/assets/{name}")

    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["docs.html", "LICENSE", "..%2Fpages.py", "%2Fetc%2Fpasswd", "nope.js"])
async def test_no_other_file_is_served(unplugged_nobody: Client, name: str) -> None:
    assert (await unplugged_nobody.http.get(f"/docs/assets/{name}")).status_code in {404, 422}


async def test_every_operation_has_a_name_a_summary_and_the_problems_it_can_answer(unplugged_nobody: Client) -> None:
    openapi = await document(unplugged_nobody)

    assert openapi["openapi"].startswith("3.1")
    names = [operation["operationId"] for _, operation in operations(openapi)]
    assert len(set(names)) == len(names)
    for name, operation in operations(openapi):
        assert operation["summary"], name
        if not name.endswith("z"):  # /livez and /readyz refuse nothing
            assert {"422", "503"} <= operation["responses"].keys(), name
        for status, response in operation["responses"].items():
            if int(status) >= 400 and not name.endswith("z"):
                assert MEDIA_TYPE in response["content"], (name, status)


async def test_what_takes_a_key_says_so(unplugged_nobody: Client) -> None:
    keyed = {
        name
        for name, operation in operations(await document(unplugged_nobody))
        if any(parameter["name"] == "Idempotency-Key" and parameter["required"] for parameter in operation.get("parameters", []))
    }

    assert keyed == {
        "POST /v1/reservations",
        "POST /v1/reservations/{reservation_id}/confirm",
        "POST /v1/reservations/{reservation_id}/cancel",
        "POST /v1/reservations/{reservation_id}/extend",
        "POST /v1/reservations/{reservation_id}/fulfilments",
        "POST /v1/stock-adjustments",
        "POST /v1/stock-counts",
        "POST /v1/stock-transfers",
    }


async def test_the_document_tells_no_secret_and_no_internal_field(unplugged_nobody: Client) -> None:
    text = json.dumps(await document(unplugged_nobody))

    for word in ("password_hash", "fingerprint", "only-for-tests"):
        assert word not in text
