"""sentry-sdk as we use it: a client of our own that nothing else in the process knows of.

`sentry_sdk.init` would change functions of the standard library and of frameworks, and what it then collects by itself holds
tokens, passwords and addresses. So none of it is installed. Not even an exception's text is left to it: where an exception has an attribute
`detail` it prefers that, which in PostgreSQL's is the row that was refused.
"""

import logging
from collections.abc import Iterator, Mapping
from traceback import format_exception_only, walk_tb
from typing import TYPE_CHECKING, Any, cast

from sentry_sdk import Client
from sentry_sdk.transport import HttpTransport
from sentry_sdk.utils import capture_internal_exceptions

from services.runtime.redaction import mask

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

SEND_SECONDS_MAX = 5  # for one report; sentry's own half a minute would keep all others waiting
WAITING_MAX = 100  # reports, each some kilobytes
SHUTDOWN_SECONDS = 2.0  # of the time that a process has to end
CAUSES_MAX = 10  # of one error; longer chains go in circles
FRAMES_MAX = 50  # of one exception, the innermost: most of the others are the framework's
TEXT_LENGTH_MAX = 2_000  # of an exception; a statement may be in it

_LISTED = ("event_id", "timestamp", "level", "platform", "release", "environment", "tags", "exception")


class _Transport(HttpTransport):
    """Sends in a thread, as sentry's own, and counts what it could not send or had no room for."""

    TIMEOUT = SEND_SECONDS_MAX
    lost = 0

    def on_dropped_event(self, _reason: str) -> None:
        self.lost += 1


class ErrorClient:
    """Sends errors to one DSN, in a thread."""

    def __init__(self, dsn: str, *, release: str) -> None:
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # of each report that is lost it would write four lines
        self._client = Client(
            dsn=dsn,
            release=release,
            transport=_Transport,
            transport_queue_size=WAITING_MAX,
            shutdown_timeout=SHUTDOWN_SECONDS,
            default_integrations=False,
            auto_enabling_integrations=False,
            enable_backpressure_handling=False,
            send_client_reports=False,
            spotlight=False,
            before_send=_listed,
        )
        self._transport = self._client.transport

    @property
    def lost(self) -> int:
        """How many it was handed that did not arrive."""
        assert isinstance(self._transport, _Transport)  # noqa: S101  # there is one, because there is a DSN
        return self._transport.lost

    def send(self, error: BaseException, tags: Mapping[str, str]) -> None:
        """Put it in the queue. Never raises: whoever reports an error has one already."""
        with capture_internal_exceptions():
            values = [_described(each) for each in _chain(error)]
            self._client.capture_event({"level": "error", "tags": dict(tags), "exception": {"values": values[::-1]}})

    def close(self) -> None:
        self._client.close()


def _listed(event: "Event", _hint: "Hint") -> "Event":
    """Of an event what is on the list: what sentry-sdk adds today is harmless, and tomorrow it may add more."""
    return cast("Event", {name: value for name, value in event.items() if name in _LISTED})


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it follows from; of several at once, the first."""
    current: BaseException | None = error
    for _ in range(CAUSES_MAX):
        if current is None:
            return
        yield current
        if isinstance(current, BaseExceptionGroup):
            current = current.exceptions[0]
        else:
            current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _described(error: BaseException) -> dict[str, Any]:
    """Its type, its words and its way through the code; no values."""
    words = "".join(format_exception_only(error)).strip().partition(": ")[2]  # its notes included, and never failing
    frames = [
        {
            "filename": frame.f_code.co_filename,
            "module": (module := str(frame.f_globals.get("__name__", ""))),
            "function": frame.f_code.co_qualname,
            "lineno": line,
            "in_app": module.startswith("services."),
        }
        for frame, line in walk_tb(error.__traceback__)
    ]
    return {
        "type": type(error).__qualname__,
        "module": type(error).__module__,
        "value": mask(words)[:TEXT_LENGTH_MAX],
        "stacktrace": {"frames": frames[-FRAMES_MAX:]},
    }
