"""An API of two processes that is started once, for tests that have no time to start one each: the database is what is new."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from redis.asyncio import Redis

from tests.support.database import Database, create_database, drop_database, open_database, replace_database, url_of
from tests.support.leash import Leash
from tests.support.processes import Api, Processes
from tests.support.servers import Servers
from tests.support.settings import Where


@dataclass(frozen=True, slots=True)
class Lasting:
    servers: Servers
    template: str
    name: str  # of the database that the API asks
    cache_url: str
    api: Api

    @asynccontextmanager
    async def with_new_database(self) -> AsyncIterator[Database]:
        """One as nobody has used it, under the name at which the API looks for it, and no copies of what was in the one before."""
        await replace_database(self.servers, self.name, self.template)
        async with Redis.from_url(self.cache_url) as cache:
            await cache.flushdb()
        async with open_database(self.servers, self.name) as fresh:
            yield fresh


@contextmanager
def lasting_api(
    servers: Servers,
    template: str,
    folder: Path,
    leash: Leash,
    *,
    cache_url: str | None = None,
    redis_timeout_ms: str = "1000",
    way: Callable[[str], AbstractContextManager[str]] = nullcontext,
) -> Iterator[Lasting]:
    """`way` leads to the URL of its database, for one that is not at hand."""
    name = asyncio.run(create_database(servers, template))
    cache_url = cache_url or urlsplit(servers.redis_url)._replace(path="/2").geturl()  # other tests have the first and the second
    with way(url_of(servers, name)) as database_url:
        processes = Processes(Where(database_url=database_url, cache_url=cache_url), folder, leash)
        yield Lasting(servers, template, name, cache_url, asyncio.run(processes.api(workers=2, redis_timeout_ms=redis_timeout_ms)))
        asyncio.run(processes.end())
    asyncio.run(drop_database(servers, name))
