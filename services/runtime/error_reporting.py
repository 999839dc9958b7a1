"""Error tracking: what nobody foresaw goes to Sentry, or whatever speaks its protocol, if the settings name one.

It hears where in our code something broke and which request did it, and nothing that anybody sent (docs/decisions/0051). To report
never waits for the network: a thread sends, and what it cannot send in time is dropped and counted.
"""

import atexit
from time import monotonic
from typing import TYPE_CHECKING

from services.runtime.errors import Refusal
from services.runtime.logs import request_id
from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.runtime.error_client import ErrorClient

REPORTS_PER_SECOND_MAX = 10  # of one process, each some tenths of a millisecond; the eleventh of a second says nothing new

_REPORTED = "is_reported_to_error_tracking"


class Reporting:
    """What this process tells. Says nothing before it is started."""

    def __init__(self) -> None:
        self.seen = 0  # whether there is anybody to tell or not
        self.reported = 0
        self._beyond_limit = 0
        self._second = 0
        self._in_this_second = 0
        self._process = ""
        self._client: ErrorClient | None = None

    @property
    def dropped(self) -> int:
        """Beyond the limit, or not taken by whoever was to hear of them."""
        return self._beyond_limit + (self._client.lost if self._client is not None else 0)

    def start(self, settings: Settings, process: str) -> None:
        """Begin to report, if there is a DSN. A forked child begins anew: what its parent has counted and not yet sent is its parent's."""
        if settings.sentry_dsn is None:
            return
        # Here, because it takes a quarter of a second, which is for those who use it.
        from services.runtime.error_client import ErrorClient  # noqa: PLC0415

        self.reported = self._beyond_limit = 0
        self._process = process
        self._client = ErrorClient(settings.sentry_dsn.get_secret_value(), release=settings.release)
        atexit.register(self.stop)

    def stop(self) -> None:
        """Send what is still to be sent, for two seconds at most."""
        if self._client is not None:
            self._client.close()

    def report(self, error: BaseException, *, route: str) -> None:
        """Tell of an error once, whoever reports it first, and return at once. A refusal is an answer and no error."""
        if isinstance(error, Refusal) or hasattr(error, _REPORTED):
            return
        setattr(error, _REPORTED, True)
        self.seen += 1
        if self._client is None:
            return
        if not self._is_within_limit():
            self._beyond_limit += 1
            return
        self.reported += 1
        current = request_id.get()
        self._client.send(error, {"process": self._process, "route": route} | ({"request_id": current} if current else {}))

    def _is_within_limit(self) -> bool:
        second = int(monotonic())
        if second != self._second:
            self._second, self._in_this_second = second, 0
        self._in_this_second += 1
        return self._in_this_second <= REPORTS_PER_SECOND_MAX


reporting = Reporting()  # the one of this process
