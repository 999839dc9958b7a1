"""How anything can refuse.

A feature's refusal subclasses one of the kinds and adds a code for programs, a title and a sentence for people. Each
process translates kinds once: the API to a status code, the worker to what it writes on its row.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

Fault = Mapping[str, str | int | None]  # one place where the request is wrong: a pointer and the facts about it


class Refusal(Exception):
    """Something that we decline to do, and why. Not a bug: a bug crashes."""

    code: ClassVar[str]
    title: ClassVar[str]
    # True when the same request may be accepted a little later without anyone changing it.
    retryable: ClassVar[bool] = False
    # True when the unit of work is run again, a few times, before anyone hears of the refusal.
    transient: ClassVar[bool] = False
    retry_after_seconds: int | None = None

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)


def kinds_of(refusal: type[Refusal] = Refusal) -> Iterable[type[Refusal]]:
    """This kind, and all that are more special."""
    yield refusal
    for kind in refusal.__subclasses__():
        yield from kinds_of(kind)


class Malformed(Refusal):
    """The request cannot be read, or lacks what it must carry."""


class Unauthenticated(Refusal):
    """Nobody we know is asking."""


class Forbidden(Refusal):
    """The caller is known and may not do this."""


class NotFound(Refusal):
    """It does not exist, or the caller may not know that it does. Each says what; the code is one for all."""

    code = "not_found"
    title = "Not found"


class Conflict(Refusal):
    """The same request would be fine at another moment."""


class PreconditionFailed(Refusal):
    """The caller's picture of the resource is out of date."""


class PreconditionRequired(Refusal):
    """A change that could overwrite another's must say which version it changes."""


class Invalid(Refusal):
    """The same request would never be accepted."""

    code = "validation_error"
    title = "The request is not valid"


class RateLimited(Refusal):
    """The caller has asked too often; later the same request is fine."""

    code = "rate_limited"
    title = "Too many requests"
    retryable = True

    def __init__(self, *, limit: str, burst: int, seconds: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"the limit {limit!r} allows {burst} at once and as many again every {seconds} s; "
            "whoever runs this API raises all limits with HOLDFAST_RATE_LIMIT_FACTOR"
        )
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Refusal):
    """We cannot answer now, through no fault of the caller."""

    code = "unavailable"
    title = "Unavailable"
    retryable = True
    retry_after_seconds = 1


class Overloaded(Unavailable):
    """More work is waiting than can be finished in time, so this piece of it is refused at once."""

    code = "overloaded"
    title = "Overloaded"
