"""Without these, what the database knows and Redis was not told is not so: an old price is shown, and a lost phone stays signed in."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import httpx
import pytest

from tests.faults.traffic import SKUS, Traffic
from tests.support.api import api_at, open_api
from tests.support.database import Database
from tests.support.devices import Device, sign_in
from tests.support.eventually import eventually
from tests.support.fault_proxy import fault_proxy
from tests.support.options import Rounds
from tests.support.own_valkey import OwnValkey
from tests.support.people import People
from tests.support.processes import Api as ApiProcess
from tests.support.processes import Processes

_PATH = f"/v1/products/{SKUS[0]}"
_COMMIT = r"^COMMIT\b"
_WITHIN_SECONDS = 20


@asynccontextmanager
async def dying(processes: Processes) -> AsyncIterator[httpx.AsyncClient]:
    """An API that is killed when it has committed, before it hears so. Ask it one thing."""
    async with fault_proxy(processes.where.database_url) as proxy:
        doomed = await processes.api(workers=1, where=replace(processes.where, database_url=proxy.url))
        async with httpx.AsyncClient(base_url=doomed.url, timeout=_WITHIN_SECONDS) as http:
            withheld = proxy.withhold_answer_to(_COMMIT)
            yield http
            async with asyncio.timeout(_WITHIN_SECONDS):
                await withheld.answered.wait()
            assert not withheld.failed
            doomed.program.kill()


async def is_shown(traffic: Traffic, version: str, source: str) -> bool:
    answer = await traffic.client.http.get(_PATH)
    return (answer.headers["ETag"], answer.headers["X-Cache"]) == (version, source)


async def test_a_change_whose_api_was_killed_before_it_deleted_the_copy_is_soon_seen(
    traffic: Traffic, processes: Processes, rounds: Rounds
) -> None:
    person = traffic.client.person
    assert person
    relay = processes.relay()
    for version in range(1, rounds(quick=1, proof=20) + 1):
        old, new = f'"{version}"', f'"{version + 1}"'
        await eventually(partial(is_shown, traffic, old, "hit"), within_seconds=_WITHIN_SECONDS)
        relay.signal(signal.SIGSTOP)
        headers = {"Authorization": f"Bearer {person.token}", "If-Match": old}
        async with dying(processes) as api:
            asking = asyncio.create_task(api.patch(_PATH, json={"name": f"Cap {version}"}, headers=headers))
        with pytest.raises(httpx.TransportError):
            await asking
        assert await is_shown(traffic, old, "hit")  # so there is something to be deleted

        relay.signal(signal.SIGCONT)

        await eventually(partial(is_shown, traffic, new, "hit"), within_seconds=rounds(quick=6, proof=2))


async def test_who_signed_out_stays_out_whatever_becomes_of_redis_and_of_who_was_told(
    running: ApiProcess, traffic: Traffic, database: Database, *, people: People, processes: Processes, valkey: OwnValkey
) -> None:
    assert await is_shown(traffic, '"1"', "miss")
    async with api_at(running.url, people) as api:
        person = await people.join()
        told, dies = await sign_in(api, person), await sign_in(api, person)
        assert [(await device.http.get(_PATH)).status_code for device in (told, dies)] == [200, 200]
        await told.sign_out()
        async with dying(processes) as doomed:
            asking = asyncio.create_task(doomed.post("/v1/auth/logout", json={"refresh_token": dies.refresh_token}))
        with pytest.raises(httpx.TransportError):
            await asking
        for device in (told, dies):
            await eventually(device.is_shut_out, within_seconds=5)

        for harm in (valkey.forget_everything, valkey.restart):
            await harm()
            for _ in range(10):  # both processes, with and without a copy
                assert {(await device.http.get(path)).status_code for device in (told, dies) for path in (_PATH, "/v1/me")} == {401}
        async with open_api(database, people, cache_url=valkey.url) as fresh:  # a process that was not there
            for device in (told, dies):
                http = (await fresh.client()).http
                http.headers["Authorization"] = f"Bearer {device.access_token}"
                assert await Device(http, "", "").is_shut_out()
