"""What the wire models of all routes have in common.

Input is strict: an unknown member is refused instead of ignored, "3" and true are no numbers, and text is what PostgreSQL
can store.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Generic, Self, TypeVar
from urllib.parse import unquote

from fastapi import Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
)

from services.inventory.accounts.model import EMAIL_LENGTH_MAX, FULL_NAME_LENGTH_MAX, is_email
from services.inventory.catalog.model import CODE_LENGTH_MAX, normalise_code

T = TypeVar("T")

JSON_LEVELS_MAX = 32  # an answer wraps the object in a few more, and orjson writes 254


class In(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Out(BaseModel):
    """The body of an answer."""

    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def of(cls, facts: object) -> Self:
        """From a dataclass of the business whose fields have these names."""
        return cls.model_validate(facts)


def is_none(value: object) -> bool:
    return value is None


class PageOut(Out, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None
    prev_cursor: str | None
    total_estimate: Annotated[int | None, Field(exclude_if=is_none, description="With include=total_estimate: about how many")] = None


def storable(text: str) -> str:
    """The text, if PostgreSQL can store it."""
    if "\0" in text:
        raise ValueError("must not contain NUL")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not contain half of a surrogate pair")
    return text


def small_json(bytes_max: int) -> Callable[[dict[str, JsonValue]], dict[str, JsonValue]]:
    """A check that PostgreSQL can store the object and that it is small."""

    def check(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        _refuse_unwritable(value, levels=JSON_LEVELS_MAX)
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if "\\u0000" in written:
            raise ValueError("must not contain NUL")
        if len(storable(written).encode()) > bytes_max:
            raise ValueError(f"must not be larger than {bytes_max:,} bytes as JSON")
        return value

    return check


def _refuse_unwritable(value: JsonValue, *, levels: int) -> None:
    """Refuse what Python reads and orjson cannot write again."""
    if levels == 0:
        raise ValueError(f"must not be nested deeper than {JSON_LEVELS_MAX} levels")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("must not contain integers of more than 64 bits")
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inside:
        _refuse_unwritable(part, levels=levels - 1)


Text = Annotated[str, StringConstraints(strict=True), AfterValidator(storable)]
_VISIBLE, _INSIDE = r"[^\s\u0000-\u001f\u007f-\u009f]", r"[^\u0000-\u001f\u007f-\u009f]"
# A sku or a warehouse's code.
Code = Annotated[
    str,
    StringConstraints(strict=True),
    AfterValidator(storable),
    AfterValidator(normalise_code),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": CODE_LENGTH_MAX, "pattern": f"^{_VISIBLE}({_INSIDE}*{_VISIBLE})?$"}),
]


def _as_normalised(text: str) -> str:
    return unicodedata.normalize("NFC", text)


# What a path segment spells: EveryRequest leaves %2F and %25 as they are, so that a slash in it splits no path.
PathText = Annotated[str, AfterValidator(unquote), AfterValidator(storable)]
# The id, sku or code in a path.
PathKey = Annotated[PathText, AfterValidator(_as_normalised)]
ProductKey = Annotated[PathKey, Path(description="Its id or sku", examples=["TEE-M"])]
WarehouseKey = Annotated[PathKey, Path(description="Its id or code", examples=["AMS"])]


def _like_an_address(text: str) -> str:
    if not is_email(text):
        raise ValueError("must be an e-mail address, such as ann@example.com")
    return text


EmailAddress = Annotated[
    str,
    StringConstraints(strict=True, max_length=EMAIL_LENGTH_MAX, strip_whitespace=True),
    AfterValidator(_like_an_address),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": EMAIL_LENGTH_MAX}),
]

# Blanks are stripped before the length is measured, which two constraints one after the other would do the other way round.
FullName = Annotated[
    str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=FULL_NAME_LENGTH_MAX), AfterValidator(storable)
]

# What happened, in a query. Any name is legal: an older release may have written kinds that this one does not know.
EventName = Annotated[Text, StringConstraints(min_length=1, max_length=100)]

# A refresh token, or the token of a mailed link: ours have 43 to 64 characters.
OpaqueToken = Annotated[Text, StringConstraints(min_length=1, max_length=200)]

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


def _spelt_out(text: object) -> object:
    if not (isinstance(text, str) and _INSTANT.fullmatch(text)):
        raise ValueError("must be an instant with its offset, such as 2026-11-24T10:15:00Z")
    return text


def _in_range(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must lie between the years 1 and 9999") from error


# An instant in a query, as RFC 3339 writes it: a number would be read as seconds, and a time without an offset as anybody's.
Instant = Annotated[AwareDatetime, BeforeValidator(_spelt_out), AfterValidator(_in_range)]
