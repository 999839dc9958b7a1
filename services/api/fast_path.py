"""The short way of a request for a product or a warehouse that there is a copy of: no router, no dependencies, no framework.

Only an answer that is there already leaves from here. What is found out on the way is left in the scope, so that the
ordinary way asks nothing twice; that gives the same answer byte for byte, which tests/api/test_fast_path.py shows.
"""

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from starlette.types import Scope, Send

from services.api.client_address import TrustedProxies
from services.api.copies import CopyResponse
from services.api.counts import Counts
from services.api.dependencies import PRECONDITION_LENGTH_MAX, Assembled
from services.api.edge import Asked, asker, find_caller
from services.api.middleware import add_headers, id_of, log_request, path_of
from services.api.route_table import Route, RouteTable
from services.api.wire import PathKey
from services.inventory.accounts.permissions import PERMISSIONS
from services.runtime import rate_limits
from services.runtime.errors import Refusal
from services.runtime.trips import count_trips

PATHS_REMEMBERED_MAX = 8_192  # some 4 MB

CopyKey = Callable[[str], str]
_path_key: TypeAdapter[str] = TypeAdapter(PathKey)
# A body, and another site that wants to read the answer, are for others to judge.
_NOT_PLAIN = {b"content-length", b"transfer-encoding", b"origin"}


class Wanted(NamedTuple):
    """A thing whose answer may be a copy."""

    route: Route
    copy_key: str


class FastPath:
    """Answers what it can."""

    def __init__(self, table: RouteTable, proxies: TrustedProxies, counts: Counts, copied: Mapping[Callable[..., Any], CopyKey]) -> None:
        """`copied` says of a route under which key its answer is kept, by the one thing that its path names."""
        self._table = table
        self._proxies = proxies
        self._counts = counts
        self._copied = copied
        self._wanted = lru_cache(PATHS_REMEMBERED_MAX)(self._look_up)

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Whether the request is answered now; if not, nothing has been sent."""
        if scope["method"] not in {"GET", "HEAD"} or scope["query_string"]:
            return False
        started = time.perf_counter()
        wanted = self._wanted(scope["raw_path"], scope["path"])
        if wanted is None or not _is_plain(scope):
            return False
        response = await self._copy(scope, wanted)
        if response is None:
            return False
        own_id = id_of(scope)
        scope["status"] = response.status_code
        headers = response.raw_headers
        headers += rate_limits.headers([scope["asked"].verdict])
        add_headers(headers, scope, own_id)
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
        seconds = time.perf_counter() - started
        self._counts.ended(wanted.route.template, scope["method"], response.status_code, seconds)
        log_request(scope, wanted.route.template, seconds, own_id)
        return True

    async def _copy(self, scope: Scope, wanted: Wanted) -> CopyResponse | None:
        parts: Assembled = scope["app"].state.assembled
        self._proxies.mark(scope)
        scope["trips"] = count_trips()
        scope["endpoint"] = wanted.route.endpoint
        caller = await find_caller(scope, wanted.route, parts.access)
        if isinstance(caller, Refusal) or wanted.route.permission not in PERMISSIONS[caller.role if caller else None]:
            return None
        verdict, look = await parts.gate.ask(self._table.buckets(wanted.route, asker(scope, caller)), wanted.copy_key)
        scope["asked"] = Asked(caller, verdict, look)
        if look is None or look.copy is None or look.is_ours:
            return None
        parts.cache.answered[look.source] += 1
        scope["x_cache"] = look.source
        seen = next((value for name, value in scope["headers"] if name == b"if-none-match"), None)
        return CopyResponse(look.copy, look.source, if_none_match=seen, is_head=scope["method"] == "HEAD")

    def _look_up(self, raw_path: bytes, path: str) -> Wanted | None:
        found = self._table.find("GET", path_of({"raw_path": raw_path, "path": path}))
        key_of = self._copied.get(found.route.endpoint) if found is not None else None
        if found is None or key_of is None:
            return None
        try:
            return Wanted(found.route, key_of(_path_key.validate_python(next(iter(found.path.values())))))
        except ValidationError:
            return None


def _is_plain(scope: Scope) -> bool:
    """Whether its headers ask for nothing that only the ordinary way can judge."""
    seen = 0
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            seen += 1
            if len(value) > PRECONDITION_LENGTH_MAX:
                return False
        elif name in _NOT_PLAIN:
            return False
    return seen <= 1
