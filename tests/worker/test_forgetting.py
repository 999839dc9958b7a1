"""Without these, a copy whose deletion was lost is shown for a minute and a half after the change."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from redis.exceptions import RedisError

from services.runtime.cache import Cache
from services.runtime.database import Database as OurDatabase
from services.runtime.redis import open_redis
from services.worker.metrics import Relayed
from services.worker.relay import forget_once
from tests.support.api import Client, open_api
from tests.support.database import Database
from tests.support.fault_proxy import fault_proxy
from tests.support.people import People
from tests.support.together import together

_NOT_DONE = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
_PATIENT_SECONDS = 10.0


@pytest_asyncio.fixture
async def forgetful(database: Database, people: People, staff: Client) -> AsyncIterator[httpx.AsyncClient]:
    """The same staff, at an API that cannot reach the cache: what it changes is deleted there by nobody."""
    assert staff.person
    async with open_api(database, people) as cut_off:
        yield (await cut_off.client(staff.person)).http


@pytest_asyncio.fixture
async def places(staff: Client) -> tuple[str, ...]:
    """Under everything that a product and a warehouse are asked for by."""
    product, warehouse = (await staff.create_product("TEE")).json(), (await staff.create_warehouse("AMS")).json()
    return tuple(f"/v1/{path}" for path in (f"products/{product['id']}", "products/TEE", f"warehouses/{warehouse['id']}", "warehouses/AMS"))


async def rename(http: httpx.AsyncClient, version: int) -> None:
    for path in ("/v1/products/TEE", "/v1/warehouses/AMS"):
        answer = await http.patch(path, json={"name": f"Version {version + 1}"}, headers={"If-Match": f'"{version}"'})
        assert answer.is_success, answer.text


async def seen(nobody: Client, places: tuple[str, ...]) -> set[tuple[str, str]]:
    answers = [await nobody.http.get(path) for path in places]
    return {(answer.headers["ETag"], answer.headers["X-Cache"]) for answer in answers}


async def test_what_was_changed_by_somebody_who_could_not_delete_the_copies_is_deleted_by_the_relay(
    nobody: Client, forgetful: httpx.AsyncClient, places: tuple[str, ...], *, database: Database, ours: OurDatabase, here: Cache
) -> None:
    await seen(nobody, places)
    await rename(forgetful, 1)
    assert await seen(nobody, places) == {('"1"', "hit")}  # so there is something to be deleted

    assert await forget_once(ours, here, Relayed()) == 2

    assert await seen(nobody, places) == {('"2"', "miss")}
    assert await database.rows(_NOT_DONE) == [(0,)]
    assert await forget_once(ours, here, Relayed()) == 0


async def test_while_the_relay_cannot_reach_redis_the_changes_wait(
    nobody: Client,
    forgetful: httpx.AsyncClient,
    places: tuple[str, ...],
    *,
    database: Database,
    ours: OurDatabase,
    cache_url: str,
    here: Cache,
) -> None:
    await seen(nobody, places)
    async with fault_proxy(cache_url) as line, open_redis(line.url, timeout_seconds=_PATIENT_SECONDS) as redis:
        line.refuse()
        await line.reset()
        await rename(forgetful, 1)
        with pytest.raises(RedisError):
            await forget_once(ours, Cache(redis), Relayed())
    assert await database.rows(_NOT_DONE) == [(2,)]

    assert await forget_once(ours, here, Relayed()) == 2

    assert await seen(nobody, places) == {('"2"', "miss")}


async def test_what_two_relays_delete_or_one_deletes_again_is_deleted(
    nobody: Client, forgetful: httpx.AsyncClient, places: tuple[str, ...], *, database: Database, ours: OurDatabase, here: Cache
) -> None:
    await seen(nobody, places)
    await rename(forgetful, 1)

    assert sum(await together(*(forget_once(ours, here, Relayed()) for _ in range(2)))) in {2, 4}
    assert await seen(nobody, places) == {('"2"', "miss")}
    await database.do("UPDATE outbox SET done_at = NULL")  # killed before it said that it was done
    assert await forget_once(ours, here, Relayed()) == 2

    assert await seen(nobody, places) == {('"2"', "miss")}
    assert await database.rows(_NOT_DONE) == [(0,)]
