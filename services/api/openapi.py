"""How the OpenAPI document tells of refusals: every status an operation can answer, with the codes behind it."""

from collections import defaultdict
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.api.errors import MEDIA_TYPE, IdempotencyKeyInvalid, IdempotencyKeyMissing, MalformedJson, status_of
from services.inventory.accounts.errors import NotSignedIn
from services.runtime.database import Contention, DatabaseUnavailable, PoolExhausted, StatementTooLong
from services.runtime.errors import Invalid, Refusal
from services.runtime.idempotency import IdempotencyInProgress, IdempotencyKeyReused

Responses = dict[int | str, dict[str, Any]]

# A token that is sent is checked, and whatever reads or writes the database may meet the others.
_OF_ANY_OPERATION: tuple[type[Refusal], ...] = (NotSignedIn, Invalid, Contention, DatabaseUnavailable, PoolExhausted, StatementTooLong)

# Whatever takes an Idempotency-Key may meet these besides.
OF_KEYED_REQUESTS: tuple[type[Refusal], ...] = (IdempotencyKeyMissing, IdempotencyKeyInvalid, IdempotencyKeyReused, IdempotencyInProgress)


class FaultOut(BaseModel):
    """One place where the request is wrong: in the body by JSON Pointer, elsewhere by parameter. Refusals add their facts."""

    model_config = ConfigDict(extra="allow")

    pointer: str | None = None
    parameter: str | None = None
    detail: str | None = None


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    request_id: str
    retryable: bool
    errors: list[FaultOut] | None = None


def refusals(*classes: type[Refusal]) -> Responses:
    """The error responses of an operation that can refuse with these classes, besides those that any can."""
    titles: dict[int, dict[str, str]] = defaultdict(dict)
    for refusal in (*classes, *_OF_ANY_OPERATION):
        titles[status_of(refusal)][refusal.code] = refusal.title
    return {
        int(status): {
            "model": Problem,
            "description": "; ".join(f"`{code}`: {title}" for code, title in sorted(codes.items())),
            "content": {MEDIA_TYPE: {}},
        }
        for status, codes in sorted(titles.items())
    }


def with_body(*classes: type[Refusal]) -> Responses:
    """The same for an operation that reads a JSON body."""
    too_large = {413: {"model": Problem, "description": "`body_too_large`: Body too large", "content": {MEDIA_TYPE: {}}}}
    other_type = {415: {"model": Problem, "description": "`unsupported_media_type`: Unsupported media type", "content": {MEDIA_TYPE: {}}}}
    return refusals(MalformedJson, *classes) | too_large | other_type


NOT_MODIFIED: Responses = {304: {"description": "You have this version already"}}


def merge_patch(body: type[BaseModel]) -> dict[str, Any]:
    """That the body may also be sent under the name of what it is."""
    reference = {"$ref": f"#/components/schemas/{body.__name__}"}
    return {"requestBody": {"content": {"application/merge-patch+json": {"schema": reference}}}}
