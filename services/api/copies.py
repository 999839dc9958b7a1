"""Answers that may be copies: products, warehouses, their lists and what is available.

They are the same for everybody who may read them, which is anybody. Nothing else is ever kept: what one account may see is
read anew each time, and says `private, no-store`.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Collection
from typing import Annotated, Literal

import orjson
from fastapi import Query, Request, Response
from redis.exceptions import RedisError

from services.api.dependencies import assembled, made_at_once
from services.api.wire import Out
from services.runtime.cache import Cache, Copy, Lifetime, Look, Source

# Deleted when it changes, so its time is only a ceiling for what a lost deletion could do.
CATALOGUE = Lifetime(fresh_ms=60_000, stale_ms=30_000, ends_with_change=True)
# Never deleted: a list is at most two seconds old because its copies are, whatever is lost.
LISTS = Lifetime(fresh_ms=1_000, stale_ms=800)
# The client may keep it for a second more, which makes two as well.
AVAILABILITY = Lifetime(fresh_ms=700, stale_ms=250)

_ETAG = re.compile(rb'(?:W/)?("[^"]{0,100}")')  # If-None-Match compares weakly
_JSON = (b"content-type", b"application/json")
_SOURCES = {source: (b"x-cache", source.value.encode()) for source in Source}

Consistency = Annotated[
    Literal["strong"] | None, Query(description="`strong` goes to the database, past every copy that may be a moment old")
]


class CopyResponse(Response):
    """A copy as an answer to one request: whole, without its body, or a word that the client has it already."""

    def __init__(self, copy: Copy, source: Source, *, if_none_match: bytes | None, is_head: bool) -> None:
        self.background = None
        self.status_code = 304 if if_none_match is not None and _has_seen(if_none_match, copy) else 200
        self.raw_headers = [*copy.headers, _SOURCES[source]]
        self.body = b""
        if self.status_code == 200:  # noqa: PLR2004  # just chosen
            self.raw_headers += (_JSON, (b"content-length", b"%d" % len(copy.body)))
            self.body = b"" if is_head else copy.body


def key_of(name: str, *facts: object) -> str:
    """The key of an answer that depends on these facts, however long they are."""
    return f"{name}:{hashlib.sha256(orjson.dumps(facts)).hexdigest()}"


def copy_of(answer: Out, *, cache_control: str = "public, no-cache", **headers: str) -> Copy:
    """The answer, to be kept. `no-cache` lets others keep it too, if they ask each time whether it is still true."""
    said = {**headers, "cache-control": cache_control}
    return Copy([(name.encode(), value.encode("latin-1")) for name, value in said.items()], answer.model_dump_json().encode())


class Copies:
    """A dependency: answers of this request that may be copies. With it a route takes `consistency`."""

    def __init__(self, request: Request, consistency: Consistency = None) -> None:
        self._request = request
        self._cache = assembled(request).cache
        self._is_strong = consistency == "strong"

    async def answer(self, key: str, lifetime: Lifetime, load: Callable[[], Awaitable[Copy]]) -> Response:
        """The copy of this key, or what `load` reads. Raises what `load` raises."""
        if self._is_strong:
            copy, source = await load(), Source.BYPASS
        elif self._request.scope["is_redis_lost"]:  # it was asked a moment ago; asking again would take as long
            copy, source = await self._cache.read_past(key, load), Source.BYPASS
        else:
            look: Look | None = self._request.scope["look"]
            copy, source = await self._cache.read(key, lifetime, load, look=look)
        self._cache.answered[source] += 1
        self._request.scope["x_cache"] = source
        seen = next((value for name, value in self._request.scope["headers"] if name == b"if-none-match"), None)
        return CopyResponse(copy, source, if_none_match=seen, is_head=self._request.method == "HEAD")


async def forget(cache: Cache, keys: Collection[str]) -> None:
    """Delete the copies of what has just changed. If Redis does not take it, the relay does it as soon as Redis is back."""
    try:
        await cache.forget(keys)
    except RedisError:
        return


def _has_seen(if_none_match: bytes, copy: Copy) -> bool:
    etag = next((value for name, value in copy.headers if name == b"etag"), None)
    return etag is not None and (if_none_match == b"*" or etag in _ETAG.findall(if_none_match))


RequestedCopy = Annotated[Copies, made_at_once(Copies)]
