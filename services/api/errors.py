"""Refusals as HTTP: one table from kind to status, one body (RFC 9457)."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from services.runtime.errors import (
    Conflict,
    Fault,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    RateLimited,
    Refusal,
    Unauthenticated,
    Unavailable,
    kinds_of,
)
from services.runtime.idempotency import KEY_LENGTH_MAX
from services.runtime.logs import request_id

PROBLEM_TYPE = "https://holdfast.example/problems/"
MEDIA_TYPE = "application/problem+json"
KEY_HEADER = "Idempotency-Key"
FAULTS_MAX = 20  # a request with more is not repaired fault by fault
ECHO_LENGTH_MAX = 500  # of a path, which may be as long as a client likes
NAME_LENGTH_MAX = 100  # of a member or parameter that nobody knows

STATUSES: Mapping[type[Refusal], HTTPStatus] = {
    Malformed: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    PreconditionRequired: HTTPStatus.PRECONDITION_REQUIRED,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class MalformedJson(Malformed):
    code = "malformed_json"
    title = "Body is not JSON"

    def __init__(self, reason: str = "") -> None:
        super().__init__(f"the body cannot be read as JSON{': ' if reason else ''}{reason}")


class IdempotencyKeyMissing(Malformed):
    code = "idempotency_key_missing"
    title = "Idempotency-Key is missing"

    def __init__(self) -> None:
        super().__init__(f"send the header {KEY_HEADER} with any text of your own, so that sending this again cannot do it twice")


class IdempotencyKeyInvalid(Malformed):
    code = "idempotency_key_invalid"
    title = "Idempotency-Key is malformed"

    def __init__(self) -> None:
        super().__init__(f"the header {KEY_HEADER} has 1 to {KEY_LENGTH_MAX} printable ASCII characters")


# What the framework refuses before any of our code runs: code, title, detail.
_OF_THE_FRAMEWORK: Mapping[int, tuple[str, str, str]] = {
    400: (MalformedJson.code, MalformedJson.title, "the body cannot be read"),
    404: (NotFound.code, NotFound.title, "there is nothing at this path; /openapi.json lists what there is"),
    405: ("method_not_allowed", "Method not allowed", "this path does not answer to this method; the Allow header names those it does"),
    408: ("request_timeout", "Request too slow", "the body must be here 10 seconds after the headers; send the request again"),
    413: ("body_too_large", "Body too large", "a body may have at most 64 KiB"),
    415: ("unsupported_media_type", "Unsupported media type", "send the body as application/json"),
    431: ("headers_too_large", "Headers too large", "an Authorization header may have at most 4 KiB"),
}
# What the server refuses because it is not, or not yet, a request.
_OF_THE_SERVER: Mapping[int, tuple[str, str, str]] = {
    400: ("malformed_request", "Not HTTP", "this is no HTTP/1.1 request that can be read in one way only"),
    408: ("request_timeout", "Request too slow", "the headers must be complete after 5 seconds; send the request again"),
    414: ("uri_too_long", "URI too long", "method, path and query may have at most 8 KiB together"),
    431: ("headers_too_large", "Headers too large", "all headers together may have at most 32 KiB"),
}
_WORDS = {"missing": "is required", "extra_forbidden": "is not known here"}


def codes() -> set[str]:
    """Every code that an answer of ours may have."""
    of_others = {words[0] for words in (*_OF_THE_FRAMEWORK.values(), *_OF_THE_SERVER.values())}
    return of_others | {kind.code for kind in kinds_of() if hasattr(kind, "code")}


def install(app: FastAPI) -> None:
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_exception)


def status_of(refusal: type[Refusal]) -> HTTPStatus:
    """The status of the first kind among the class's ancestors."""
    return next(STATUSES[kind] for kind in refusal.__mro__ if kind in STATUSES)


def problem(
    status: int, *, code: str, title: str, detail: str, instance: str, is_retryable: bool = False, faults: Sequence[Fault] = ()
) -> Response:
    """An answer in the one shape that all our errors have."""
    body: dict[str, Any] = {
        "type": PROBLEM_TYPE + code,
        "title": title,
        "status": status,
        "code": code,
        "detail": detail[:ECHO_LENGTH_MAX],
        "instance": instance[:ECHO_LENGTH_MAX],
        "request_id": request_id.get(),
        "retryable": is_retryable,
    }
    if faults:
        body["errors"] = list(faults)[:FAULTS_MAX]
    return Response(orjson.dumps(body), status_code=status, media_type=MEDIA_TYPE)


def answer_to(refusal: Refusal, *, instance: str) -> Response:
    """A refusal as HTTP, the headers that belong to it included."""
    answer = problem(
        int(status_of(type(refusal))),
        code=refusal.code,
        title=refusal.title,
        detail=refusal.detail,
        instance=instance,
        is_retryable=refusal.retryable,
        faults=refusal.faults,
    )
    if isinstance(refusal, Unauthenticated):
        answer.headers["WWW-Authenticate"] = "Bearer"
    if refusal.retry_after_seconds is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after_seconds)
    return answer


def internal_error(instance: str) -> Response:
    """Says nothing: whoever caused it learns no more than the id under which we find it in the logs."""
    detail = "something went wrong on our side; the request_id helps us to find it"
    return problem(500, code="internal_error", title="Internal error", detail=detail, instance=instance)


def refuse_unread(scope: Scope, status: int) -> Response:
    """The answer to a request of which nobody will read the rest, so that the connection ends with it."""
    answer = _of_framework(Request(scope), status)
    answer.headers["Connection"] = "close"
    return answer


def code_unparsed(status: int) -> str:
    return _OF_THE_SERVER[status][0]


def refuse_unparsed(status: int) -> Response:
    """The answer to what is no request, of which we know neither path nor method."""
    code, title, detail = _OF_THE_SERVER[status]
    answer = problem(status, code=code, title=title, detail=detail, instance="")
    answer.headers["Connection"] = "close"
    return answer


def answer_of_framework(status: int, *, instance: str) -> Response:
    """What the framework refuses, in our shape."""
    code, title, detail = _framework_words(status)
    return problem(status, code=code, title=title, detail=detail, instance=instance)


async def _on_refusal(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)  # noqa: S101  # Starlette's type for a handler is wider than its promise
    request.scope["refused_with"] = refusal.code
    return answer_to(refusal, instance=request.scope["path"])


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = error.errors()
    for fault in errors:
        if fault["type"] == "json_invalid":
            return await _on_refusal(request, MalformedJson(fault["ctx"]["error"]))
    for fault in errors:
        if fault["loc"] == ("header", KEY_HEADER):
            return await _on_refusal(request, IdempotencyKeyMissing() if fault["type"] == "missing" else IdempotencyKeyInvalid())
    if any(fault["loc"] == ("body",) for fault in errors) and not _is_json(request):
        return _of_framework(request, 415)
    return await _on_refusal(request, Invalid("the request is not valid; errors says where", list(_faults(errors))))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    answer = _of_framework(request, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


def _of_framework(request: Request, status: int) -> Response:
    request.scope["refused_with"] = _framework_words(status)[0]
    return answer_of_framework(status, instance=request.scope["path"])


def _framework_words(status: int) -> tuple[str, str, str]:
    return _OF_THE_FRAMEWORK.get(status) or ("http_error", HTTPStatus(status).phrase, HTTPStatus(status).description)


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _faults(errors: Iterable[Mapping[str, Any]]) -> Iterable[Fault]:
    """Where the request is wrong and how, without repeating what was sent."""
    for error in errors:
        where, *path = error["loc"]
        sentence = _WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
        if where == "body":
            yield {"pointer": "".join(f"/{_escape(part)}" for part in path), "detail": sentence}
        else:
            yield {"in": where, "parameter": str(path[0])[:NAME_LENGTH_MAX] if path else "", "detail": sentence}


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")[:NAME_LENGTH_MAX]
