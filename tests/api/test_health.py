"""Without these, a process that cannot serve is sent work, or one that can is restarted for nothing."""

from functools import partial

import pytest

from services.api.routes.health import WITHOUT_REDIS
from services.runtime.readiness import newest_migration
from tests.support.api import Client
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.fault_proxy import fault_proxy
from tests.support.settings import Where
from tests.support.unplugged import NOWHERE, serving


async def test_a_process_that_can_serve_says_so(nobody: Client) -> None:
    live, ready = await nobody.http.get("/livez"), await nobody.http.get("/readyz")

    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "database": "ok", "cache": "ok"})


@pytest.mark.parametrize(
    "old", ["UPDATE alembic_version SET version_num = '20200101_1'", "DELETE FROM alembic_version", "DROP TABLE alembic_version"]
)
async def test_a_schema_older_than_the_code_is_not_ready(nobody: Client, database: Database, old: str) -> None:
    await database.do(old)

    answer = await nobody.http.get("/readyz")

    assert answer.status_code == 503
    sentence = f"the schema is older than the code, which needs {newest_migration()}; run `holdfast migrate`"
    assert answer.json() == {"status": "unready", "database": sentence, "cache": "ok"}
    assert (await nobody.http.get("/livez")).status_code == 200


async def test_a_schema_newer_than_the_code_is_fine(nobody: Client, database: Database) -> None:
    await database.do("UPDATE alembic_version SET version_num = '29990101_1'")

    assert (await nobody.http.get("/readyz")).status_code == 200


async def test_without_its_database_a_process_lives_but_is_not_ready() -> None:
    async with serving(NOWHERE) as (nobody, _):
        live, ready = await nobody.http.get("/livez"), await nobody.http.get("/readyz")

    assert live.status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, "unready")
    assert "cannot be reached" in ready.json()["database"]


async def test_without_redis_it_serves_and_says_that_it_does_so_slower(database: Database, cache_url: str) -> None:
    async with fault_proxy(cache_url) as to_cache, serving(Where(database_url=database.url, cache_url=to_cache.url)) as (nobody, _):
        assert (await nobody.http.get("/readyz")).json()["status"] == "ready"

        to_cache.refuse()
        await to_cache.reset()
        await eventually(partial(_says, nobody, "degraded"), within_seconds=10)
        without = await nobody.http.get("/readyz")
        await to_cache.listen()
        await eventually(partial(_says, nobody, "ready"), within_seconds=10)

    assert without.status_code == 200
    assert without.json() == {"status": "degraded", "database": "ok", "cache": WITHOUT_REDIS}


async def test_a_cache_that_nobody_wants_is_no_fault(database: Database, cache_url: str) -> None:
    async with serving(Where(database_url=database.url, cache_url=cache_url), cache="off") as (nobody, _):
        assert await _says(nobody, "ready")


async def test_behind_a_pooler_that_drops_our_time_limits_a_process_is_not_ready(database: Database) -> None:
    async with serving(Where(database_url=database.url), direct_database_url=f"{database.url}?as=another") as (nobody, _):
        ready = await nobody.http.get("/readyz")

    assert ready.status_code == 503
    assert "lock_timeout" in ready.json()["database"]


async def _says(somebody: Client, status: str) -> bool:
    return bool((await somebody.http.get("/readyz")).json()["status"] == status)
