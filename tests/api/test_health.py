"""Without these, a process that cannot serve is sent work, or one that can is restarted for nothing."""

import httpx
import pytest

from services.api.main import create_app
from services.runtime.readiness import newest_migration
from tests.support.api import Client
from tests.support.database import Database
from tests.support.settings import Where, settings


async def test_a_process_that_can_serve_says_so(nobody: Client) -> None:
    live, ready = await nobody.http.get("/livez"), await nobody.http.get("/readyz")

    assert (live.status_code, live.json()) == (200, {"status": "live"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "database": "ok"})


@pytest.mark.parametrize(
    "old", ["UPDATE alembic_version SET version_num = '20200101_1'", "DELETE FROM alembic_version", "DROP TABLE alembic_version"]
)
async def test_a_schema_older_than_the_code_is_not_ready(nobody: Client, database: Database, old: str) -> None:
    await database.do(old)

    answer = await nobody.http.get("/readyz")

    assert answer.status_code == 503
    sentence = f"the schema is older than the code, which needs {newest_migration()}; run `holdfast migrate`"
    assert answer.json() == {"status": "unready", "database": sentence}
    assert (await nobody.http.get("/livez")).status_code == 200


async def test_a_schema_newer_than_the_code_is_fine(nobody: Client, database: Database) -> None:
    await database.do("UPDATE alembic_version SET version_num = '29990101_1'")

    assert (await nobody.http.get("/readyz")).status_code == 200


async def test_without_its_database_a_process_lives_but_is_not_ready() -> None:
    app = create_app(settings(Where(database_url="postgresql://postgres@127.0.0.1:1/none")))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(base_url="http://holdfast.test", transport=transport) as http:
        live, ready = await http.get("/livez"), await http.get("/readyz")

    assert live.status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, "unready")
    assert "cannot be reached" in ready.json()["database"]


async def test_behind_a_pooler_that_drops_our_time_limits_a_process_is_not_ready(database: Database) -> None:
    chosen = settings(Where(database_url=database.url), direct_database_url=f"{database.url}?as=another")
    app = create_app(chosen)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(base_url="http://holdfast.test", transport=transport) as http:
        ready = await http.get("/readyz")

    assert ready.status_code == 503
    assert "lock_timeout" in ready.json()["database"]
