"""What the relay does again and again: work as fast as there is some, looks at their own pace."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from redis.exceptions import RedisError

from services.runtime.error_reporting import reporting
from services.runtime.errors import Unavailable
from services.runtime.logs import log, request_id

BUSY_SECONDS = 0.05
IDLE_SECONDS = 1.0


async def run(work: Callable[[], Awaitable[int]], stop: asyncio.Event, *, idle_seconds: float = IDLE_SECONDS) -> None:
    """Repeat the work until told to stop: at once while there is some, then ever more calmly, up to once in `idle_seconds`."""
    wait = BUSY_SECONDS
    while not stop.is_set():
        request_id.set(None)
        try:
            wait = BUSY_SECONDS if await work() else min(wait * 2, idle_seconds)
        except (Unavailable, RedisError) as error:
            _say_why(error)
            wait = idle_seconds
        except Exception as error:
            reporting.report(error, route="relay")
            raise
        await _pause(stop, wait)


async def look(sample: Callable[[], Awaitable[None]], stop: asyncio.Event, *, every_seconds: float) -> None:
    """Take the sample again and again until told to stop. One that cannot be taken is left out."""
    while not stop.is_set():
        try:
            await sample()
        except (Unavailable, RedisError) as error:
            _say_why(error)
        except Exception as error:  # whoever watches must not stop the work
            reporting.report(error, route="relay")
            log.exception("relay.not_seen")
        await _pause(stop, every_seconds)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


def _say_why(error: Unavailable | RedisError) -> None:
    if isinstance(error, Unavailable):
        log.warning("relay.waiting", code=error.code, detail=error.detail)
    else:
        log.warning("relay.waiting", code="cache_unreachable", detail=str(error))
