"""Redis as two processes see it, and the copies that they share there."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.runtime.cache import ASK_EDGE, Cache, Lifetime, Look
from services.runtime.redis import Redis, open_redis

KEY = "product:TEE"
LONG = Lifetime(fresh_ms=60_000, stale_ms=30_000, ends_with_change=True)
_PATIENT_SECONDS = 10.0


@pytest_asyncio.fixture
async def redis(cache_url: str) -> AsyncIterator[Redis]:
    async with open_redis(cache_url, timeout_seconds=_PATIENT_SECONDS) as opened:
        yield opened


@pytest.fixture
def here(redis: Redis) -> Cache:
    return Cache(redis)


@pytest_asyncio.fixture
async def there(cache_url: str) -> AsyncIterator[Cache]:
    """The same cache, as another process sees it."""
    async with open_redis(cache_url, timeout_seconds=_PATIENT_SECONDS) as opened:
        yield Cache(opened)


async def ask(cache: Cache, redis: Redis) -> Look:
    """As the edge does, before the route reads."""
    keys, arguments = cache.question(KEY)
    _, *reply = await redis.run(ASK_EDGE, keys, 0, *arguments)
    return Cache.look(reply, arguments[0])
