"""Without these, what a customer was never told about is done twice when they ask again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from tests.support.api import Api, Client, line
from tests.support.database import Database
from tests.support.fault_proxy import FaultProxy, WithheldAnswer, fault_proxy
from tests.support.invariants import assert_invariants
from tests.support.options import Rounds
from tests.support.processes import Api as ApiProcess
from tests.support.processes import Processes

_ANSWERS_WITHIN_SECONDS = 20
_REPLAYED = "Idempotent-Replayed"
_COMMIT = r"^COMMIT\b"  # not BEGIN ISOLATION LEVEL READ COMMITTED
_RESERVE = r"\breserve\("  # a transaction of its own

Asking = asyncio.Task[httpx.Response]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is to be done once."""

    act: Callable[[Client, str, str], Coroutine[Any, Any, httpx.Response]]  # by whom, on which sku, with which hold of a unit of it
    commit: str  # the statement that makes it so
    counters: tuple[int, int, int]  # on hand, held and allocated once it was done; before it (10, 1, 0)
    by_staff: bool = False


_DEEDS = {
    "place": Deed(lambda customer, sku, _: customer.place(line(sku), key=sku), _RESERVE, (10, 2, 0)),
    "confirm": Deed(lambda customer, _, held: customer.confirm(held, key=held), _COMMIT, (10, 0, 1)),
    "cancel": Deed(lambda customer, _, held: customer.cancel(held, key=held), _COMMIT, (10, 0, 0)),
    "adjust": Deed(lambda staff, sku, _: staff.adjust(sku, "AMS", 5, key=sku), _COMMIT, (15, 1, 0), by_staff=True),
}


async def test_what_was_done_when_the_api_died_is_answered_and_not_done_again(
    api: Api, database: Database, processes: Processes, rounds: Rounds
) -> None:
    customer, staff = await api.customer(), await api.staff()
    async with fault_proxy(database.url) as proxy:
        for n in range(rounds(quick=1, proof=50)):
            dying = await processes.api(workers=1, where=replace(processes.where, database_url=proxy.url))
            skus = {f"{name}-{n}": deed for name, deed in _DEEDS.items()}
            holds = {sku: await _hold_one_of_ten(sku, customer, staff) for sku in skus}

            async with _speaks_to(dying, customer) as doomed_customer, _speaks_to(dying, staff) as doomed_staff:
                unheard = [
                    await _ask_in_vain(deed.act(doomed_staff if deed.by_staff else doomed_customer, sku, holds[sku]), proxy, deed.commit)
                    for sku, deed in skus.items()
                ]
                dying.program.kill()
                for asking, _ in unheard:
                    with pytest.raises(httpx.TransportError):
                        await asking

            for sku, deed in skus.items():
                done_unheard = await _counters(database, sku)
                first, second = [await deed.act(staff if deed.by_staff else customer, sku, holds[sku]) for _ in range(2)]
                assert first.is_success, first.text
                assert first.headers[_REPLAYED] == second.headers[_REPLAYED] == "true"
                assert first.content == second.content
                assert done_unheard == await _counters(database, sku) == deed.counters
    await assert_invariants(database)


async def test_the_answer_to_a_retry_is_the_one_that_was_on_its_way(api: Api, database: Database, processes: Processes) -> None:
    staff, customer = await api.staff(), await api.customer()
    async with fault_proxy(database.url) as proxy:
        slow = await processes.api(workers=1, where=replace(processes.where, database_url=proxy.url))
        for name, deed in _DEEDS.items():
            who = staff if deed.by_staff else customer
            held = await _hold_one_of_ten(name, customer, staff)

            async with _speaks_to(slow, who) as waiting:
                asking, withheld = await _ask_in_vain(deed.act(waiting, name, held), proxy, deed.commit)
                retry = await deed.act(who, name, held)
                withheld.released.set()
                late = await asking

            assert (retry.status_code, retry.content) == (late.status_code, late.content)
            assert [(retry.headers.get(header), _REPLAYED in late.headers) for header in ("Location", "ETag")] == [
                (late.headers.get(header), False) for header in ("Location", "ETag")
            ]
            assert await _counters(database, name) == deed.counters
    await assert_invariants(database)


async def _hold_one_of_ten(sku: str, customer: Client, staff: Client) -> str:
    await staff.stock(sku, "AMS", 10)
    reservation_id: str = (await customer.place(line(sku))).json()["id"]
    return reservation_id


async def _ask_in_vain(act: Coroutine[Any, Any, httpx.Response], proxy: FaultProxy, commit: str) -> tuple[Asking, WithheldAnswer]:
    """Send a request whose commit succeeds and is answered to nobody."""
    withheld = proxy.withhold_answer_to(commit)
    asking = asyncio.create_task(act)
    async with asyncio.timeout(_ANSWERS_WITHIN_SECONDS):
        await withheld.answered.wait()
    assert not withheld.failed
    return asking, withheld


@asynccontextmanager
async def _speaks_to(process: ApiProcess, who: Client) -> AsyncIterator[Client]:
    """The same person, at another instance of the API."""
    assert who.person
    headers = {"Authorization": f"Bearer {who.person.token}"}
    async with httpx.AsyncClient(base_url=process.url, headers=headers, timeout=_ANSWERS_WITHIN_SECONDS) as http:
        yield Client(http, who.person)


async def _counters(database: Database, sku: str) -> tuple[int, int, int]:
    """On hand, held, allocated."""
    [(on_hand, held, allocated)] = await database.rows("SELECT on_hand, held, allocated FROM stock_now WHERE sku = $1", sku)
    return on_hand, held, allocated
