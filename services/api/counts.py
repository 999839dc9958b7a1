"""What became of the requests of one process, in plain numbers."""

from collections import Counter
from http import HTTPStatus

from starlette.types import Scope

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

    def ended(self, scope: Scope, route: str, seconds: float) -> None:
        """A request is over, answered or not."""
        status = scope.get("status") or 0
        has_method = status != HTTPStatus.METHOD_NOT_ALLOWED  # or each route would have a series for each method
        self._observe(route if has_method else NO_ROUTE, scope["method"], status, seconds)
        if "refused_with" in scope:
            self.refusals[scope["refused_with"]] += 1

    def refused_unparsed(self, status: int) -> None:
        """What arrived was no request."""
        self._observe(NO_REQUEST, "other", status, 0.0)

    def _observe(self, route: str, method: str, status: int, seconds: float) -> None:
        key = (route, method if method in _METHODS else "other", _CLASSES[status // 100])
        known = self.seconds.get(key)
        if known is None:
            known = self.seconds[key] = Histogram()
        known.observe(seconds)
