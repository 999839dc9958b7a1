"""What a route tells the OpenAPI document about its answers; services/api/document.py adds what follows from the rest."""

from collections.abc import Iterable
from typing import Any

import orjson
from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from services.api.errors import (
    MEDIA_TYPE,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    MalformedJson,
    answer_of_framework,
    answer_to,
)
from services.api.examples import refusal_of
from services.inventory.accounts.errors import NotSignedIn
from services.runtime.database import Contention, DatabaseUnavailable, PoolExhausted, StatementTooLong
from services.runtime.errors import Invalid, RateLimited, Refusal
from services.runtime.idempotency import IdempotencyInProgress, IdempotencyKeyReused

Responses = dict[int | str, dict[str, Any]]

# A token that is sent is checked, and whatever reads or writes the database may meet the others.
_OF_ANY_OPERATION: tuple[type[Refusal], ...] = (
    *(NotSignedIn, Invalid, RateLimited),
    *(Contention, DatabaseUnavailable, PoolExhausted, StatementTooLong),
)

# Whatever takes an Idempotency-Key may meet these besides.
OF_KEYED_REQUESTS: tuple[type[Refusal], ...] = (IdempotencyKeyMissing, IdempotencyKeyInvalid, IdempotencyKeyReused, IdempotencyInProgress)

_OF_PROBLEMS = {"WWW-Authenticate", "Retry-After"}  # headers that come with some of them
_INSTANCE = "/v1/reservations"
_REQUEST_ID = "0197a3f0-7c1e-7000-8000-0a1b2c3d4e5f"


class Fault(BaseModel):
    """One place where the request is wrong: in the body by JSON Pointer, elsewhere by parameter. Refusals add their facts."""

    model_config = ConfigDict(extra="allow")

    # Each is there or not, and never null: a factory leaves the document without a default.
    pointer: str = Field(default_factory=str)
    parameter: str = Field(default_factory=str)
    detail: str = Field(default_factory=str)


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). Programs read `code`, people `detail`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    request_id: str
    retryable: bool
    errors: list[Fault] = Field(default_factory=list)


def refusals(*classes: type[Refusal]) -> Responses:
    """The error responses of an operation that can refuse with these classes, besides those that any can."""
    return only_refusals(*classes, *_OF_ANY_OPERATION)


def only_refusals(*classes: type[Refusal]) -> Responses:
    """The error responses of an operation that can refuse with these classes and no others."""
    by_status: dict[int, list[tuple[str, Response]]] = {}
    for refusal in dict.fromkeys(classes):
        answer = answer_to(refusal_of(refusal), instance=_INSTANCE)
        by_status.setdefault(answer.status_code, []).append((refusal.__name__, answer))
    return {status: _response(answers) for status, answers in sorted(by_status.items())}


def with_body(*classes: type[Refusal]) -> Responses:
    """The same for an operation that reads a JSON body."""
    return with_form(*classes) | {415: _response([("UnsupportedMediaType", answer_of_framework(415, instance=_INSTANCE))])}


def with_form(*classes: type[Refusal]) -> Responses:
    """The same for an operation that reads a form."""
    return refusals(MalformedJson, *classes) | {413: _response([("BodyTooLarge", answer_of_framework(413, instance=_INSTANCE))])}


def answers(status: int, *headers: str, model: type[BaseModel] | None = None) -> Responses:
    """That an answer carries these headers, and what it is if that is not the route's own model."""
    response = {"headers": _references(headers)}
    return {status: response | ({"model": model} if model else {})}


NOT_MODIFIED: Responses = {
    304: {"description": "You have this version already", "headers": {"ETag": {"$ref": "#/components/headers/ETag"}}}
}


def merge_patch(body: type[BaseModel]) -> dict[str, Any]:
    """That the body may also be sent under the name of what it is."""
    reference = {"$ref": f"#/components/schemas/{body.__name__}"}
    return {"requestBody": {"content": {"application/merge-patch+json": {"schema": reference}}}}


def _response(named: Iterable[tuple[str, Response]]) -> dict[str, Any]:
    """One status with an example for each code; of two classes with one code, the first."""
    examples: dict[str, dict[str, Any]] = {}
    headers: set[str] = set()
    for name, answer in named:
        problem = orjson.loads(answer.body) | {"request_id": _REQUEST_ID}
        if problem["code"] not in {example["value"]["code"] for example in examples.values()}:
            examples[name] = {"summary": problem["title"], "value": problem}
        headers |= {header for header in _OF_PROBLEMS if header in answer.headers}
    codes = sorted((example["value"]["code"], example["summary"]) for example in examples.values())
    return {
        "description": "; ".join(f"`{code}`: {title}" for code, title in codes),
        "headers": _references(sorted(headers)),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }


def _references(headers: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
