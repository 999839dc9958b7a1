"""Without these, what clients were told while processes, the cache and the database came and went does not add up unnoticed."""

import asyncio
import random
from time import monotonic

from services.inventory.accounts.model import ACCESS_SECONDS
from tests.support.api import Client, api_at
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.history import Found, unexplained
from tests.support.invariants import assert_invariants
from tests.support.options import Rounds
from tests.support.own_postgres import FAST, IMMEDIATE, OwnPostgres
from tests.support.own_valkey import OwnValkey
from tests.support.people import People
from tests.support.processes import Api as ApiProcess
from tests.support.recorders import Recorders

_SKUS = ["CAP", "MUG", "PEN", "TEE"]
_ON_HAND = 25  # often too few
_PEOPLE = 8
_UP_WITHIN_SECONDS = 60
_FOUND = "SELECT reservation_id::text, state, version FROM reservations"


async def test_what_clients_were_told_through_all_of_it_happened_in_some_order(
    running: ApiProcess, database: Database, postgres: OwnPostgres, *, valkey: OwnValkey, people: People, rounds: Rounds
) -> None:
    async with api_at(running.url, people) as api:
        staff = await api.staff()
        for sku in _SKUS:
            await staff.stock(sku, "AMS", _ON_HAND)
        recorders = Recorders(staff, _SKUS)
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            recording = group.create_task(recorders.record(rounds(quick=500, proof=100_000), people=_PEOPLE, enough=enough))
            signed_in_at = monotonic()
            while not recording.done():
                await _harm(running, postgres, valkey)
                enough.set()
                if monotonic() - signed_in_at > ACCESS_SECONDS / 2:
                    await eventually(lambda: _signs_in_again(staff), within_seconds=_UP_WITHIN_SECONDS)
                    signed_in_at = monotonic()
    await database.do("SELECT expire_due(1000000)")
    found = [Found(*row) for row in await database.rows(_FOUND)]
    assert list(unexplained(recorders.deeds, found, _ON_HAND)) == []
    assert {code for deed in recorders.deeds if (code := deed.code)} <= {"insufficient_stock", "reservation_expired", "illegal_transition"}
    await assert_invariants(database)


async def _harm(running: ApiProcess, postgres: OwnPostgres, valkey: OwnValkey) -> None:
    """Kill a worker, take the cache away, restart the database in both ways, now and then at moments that nobody chose."""
    await _some_time()
    random.choice(running.workers).kill()
    await random.choice((valkey.restart, valkey.forget_everything, lambda: _hang(valkey)))()
    for how in (FAST, IMMEDIATE):
        await _some_time()
        await postgres.restart(how)
    await eventually(lambda: _has_two_workers(running), within_seconds=_UP_WITHIN_SECONDS)


async def _signs_in_again(client: Client) -> bool:
    """A hundred thousand deeds take longer than a token lives."""
    assert client.person
    answer = await client.http.post("/v1/auth/token", data={"username": client.person.email, "password": client.person.password})
    if answer.is_success:
        client.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return answer.is_success


async def _hang(valkey: OwnValkey) -> None:
    valkey.hang()
    await _some_time()
    valkey.go_on()


async def _some_time() -> None:
    await asyncio.sleep(random.uniform(0.2, 1))


async def _has_two_workers(running: ApiProcess) -> bool:
    return len(running.workers) == 2
