"""The error contract, asserted whole: what a refusal says, and that it changed nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.database import Database

Json = dict[str, Any]

_LATER = {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}
_MEMBERS = {"type", "title", "status", "code", "detail", "instance", "request_id", "retryable"}
_BYTES_MAX = 4_096
WATCHED = (
    *("accounts", "sessions", "refresh_tokens", "mail_tokens", "revocations", "signing_keys"),
    *("products", "warehouses", "stock_items", "stock_levels", "low_stock", "stock_movements"),
    *("reservations", "reservation_lines", "idempotency_keys", "outbox", "notifications", "crossings", "turns"),
    "audit_events WHERE outcome = 'success'",  # that it was denied, or failed, may be written down
)


def assert_problem(answer: httpx.Response, status: int, code: str) -> Json:
    """The answer is this refusal in the one shape that all of them have; its body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert len(answer.content) <= _BYTES_MAX
    problem: Json = answer.json()
    assert problem["code"] == code, answer.text
    assert problem.keys() - {"errors"} == _MEMBERS
    assert problem["status"] == status
    assert problem["type"] == f"https://holdfast.example/problems/{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert ("Retry-After" in answer.headers) == (status in _LATER or code == "idempotency_in_progress")
    assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == httpx.codes.UNAUTHORIZED else None)
    assert "Idempotent-Replayed" not in answer.headers
    return problem


def assert_fault(answer: httpx.Response, where: str, *, status: int = 422, code: str = "validation_error") -> str:
    """The answer points at this place, a JSON Pointer or a parameter's name, and at no other; the sentence about it."""
    [fault] = assert_problem(answer, status, code)["errors"]
    assert fault.get("pointer", fault.get("parameter")) == where, answer.text
    sentence: str = fault.get("detail", "")
    return sentence


@asynccontextmanager
async def nothing_changes(database: Database) -> AsyncIterator[None]:
    """What happens inside leaves every row of every table as it was."""
    before = await _everything(database)
    yield
    assert await _everything(database) == before


async def _everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {table: await database.rows(f"SELECT row_of::text FROM (SELECT * FROM {table}) row_of ORDER BY 1") for table in WATCHED}  # noqa: S608
