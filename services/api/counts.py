"""What became of the requests of one process, in plain numbers."""

from collections import Counter
from http import HTTPStatus

from services.runtime.metrics import Histogram

NO_ROUTE = "(no route)"  # whatever a scanner makes up
NO_REQUEST = "(no request)"  # a head that the server refused before there was one

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_CLASSES = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")


class Counts:
    """Labels come from closed sets only: templates of routes, methods that we know, hundreds of statuses, codes of refusals."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.seconds: dict[tuple[str, ...], Histogram] = {}  # by route, method and class of status
        self.refusals: Counter[str] = Counter()  # by code
        self.replays = 0
        self._filed: dict[tuple[str, str, int], Histogram] = {}  # the same ones, by what a request has at hand

    def ended(self, route: str, method: str, status: int | None, seconds: float) -> None:
        """A request is over, answered or not."""
        what = (route, method, status or 0)
        (self._filed.get(what) or self._file(*what)).observe(seconds)

    def refused_unparsed(self, status: int, code: str) -> None:
        """What arrived was no request."""
        self._file(NO_REQUEST, "", status).observe(0.0)
        self.refusals[code] += 1

    def _file(self, route: str, method: str, status: int) -> Histogram:
        # Or each route would have a series for each method that it does not answer to.
        named = NO_ROUTE if status == HTTPStatus.METHOD_NOT_ALLOWED else route
        key = (named, method if method in _METHODS else "other", _CLASSES[status // 100])
        found = self.seconds.setdefault(key, Histogram())
        if method in _METHODS:
            self._filed[route, method, status] = found
        return found
