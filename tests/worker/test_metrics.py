"""Without this, what the dashboards show is not what happened: every figure here is compared with what its cause has counted."""

import asyncio
import random
from collections import Counter
from functools import partial

import httpx

from services.worker.metrics import event_counter_name
from tests.support.api import Api, Client, api_at, line
from tests.support.database import Database
from tests.support.delivery import are_sent
from tests.support.eventually import eventually
from tests.support.mail import Mails
from tests.support.options import Rounds
from tests.support.people import People
from tests.support.processes import Processes
from tests.support.scrape import Figures, answer, free_metrics_port, scrape

_REQUESTS = "inventory_http_request_duration_seconds_count"
_CUSTOMERS = 4
_WITHIN_SECONDS = 30


class Shopper:
    """Somebody who does this and that, and remembers what came of it."""

    def __init__(self, client: Client, seen: Counter[tuple[str, str]]) -> None:
        self._client = client
        self._seen = seen

    async def shop(self, times: int) -> None:
        for _ in range(times):
            await random.choice((self._look, self._miss, self._hold, self._hold_twice, self._buy, self._ask_too_much))()

    async def _look(self) -> None:
        seen = await self._client.http.get("/v1/products/MUG")
        self._note("cache", seen.headers["X-Cache"])
        self._answered(seen)

    async def _miss(self) -> None:
        self._answered(await self._client.http.get("/v1/products/NOPE"))

    async def _hold(self) -> None:
        self._held(await self._client.place(line("MUG")))

    async def _hold_twice(self) -> None:
        key = random.randbytes(8).hex()
        self._held(await self._client.place(line("MUG"), key=key))
        again = await self._client.place(line("MUG"), key=key)
        self._answered(again)
        self._note("replay", again.headers["Idempotent-Replayed"])

    async def _buy(self) -> None:
        held = await self._client.place(line("MUG"))
        self._held(held)
        bought = await self._client.confirm(held.json()["id"])
        self._answered(bought)
        self._note("event", "reservation.confirmed")

    async def _ask_too_much(self) -> None:
        refused = await self._client.place(line("RARE", 2))
        assert refused.json()["code"] == "insufficient_stock"
        self._answered(refused)

    def _held(self, answer: httpx.Response) -> None:
        assert answer.status_code == httpx.codes.CREATED
        self._answered(answer)
        self._note("event", "reservation.held")

    def _answered(self, answer: httpx.Response) -> None:
        self._note("status", f"{answer.status_code // 100}xx")
        if answer.is_error:
            self._note("code", answer.json()["code"])

    def _note(self, what: str, of: str) -> None:
        self._seen[what, of] += 1


async def test_every_counter_says_what_the_clients_have_counted(
    database: Database, people: People, processes: Processes, *, mails: Mails, rounds: Rounds
) -> None:
    port, seen = free_metrics_port(), Counter[tuple[str, str]]()
    running = await processes.api(workers=2, metrics_port=str(port))
    async with api_at(running.url, people) as api:
        await _stock(api)
        shoppers = [Shopper(await api.customer(), seen) for _ in range(_CUSTOMERS)]
        await eventually(partial(answer, port, api=2), within_seconds=_WITHIN_SECONDS)
        before = await scrape(port, api=2)
        processes.relay(metrics_port=str(port))
        processes.worker(metrics_port=str(port))

        await asyncio.gather(*(shopper.shop(rounds(quick=25, proof=2_000)) for shopper in shoppers))

        confirmed = seen["event", "reservation.confirmed"]
        await eventually(partial(are_sent, database, confirmed), within_seconds=_WITHIN_SECONDS * rounds(quick=1, proof=10))
        await eventually(partial(_have_counted, port, confirmed), within_seconds=_WITHIN_SECONDS)
        after = await scrape(port, api=2, worker=2, relay=1)

    assert _of_requests(after, before) == {of: count for (what, of), count in seen.items() if what == "status"}
    assert after.by("inventory_refusals_total", "code") == {of: count for (what, of), count in seen.items() if what == "code"}
    assert after.by("inventory_cache_answers_total", "source") == {of: count for (what, of), count in seen.items() if what == "cache"}
    assert after.of("inventory_idempotent_replays_total") == seen["replay", "true"]
    for event in ("reservation.held", "reservation.confirmed"):
        assert after.of(event_counter_name(event)) == seen["event", event]
    assert after.by("inventory_deliveries_total", "outcome") == {"sent": len(mails.received)} == {"sent": confirmed}
    assert after.of("inventory_mail_age_seconds_count") == after.of("inventory_mails_published_total") == confirmed


async def test_a_worker_that_is_killed_leaves_its_port_to_the_next_and_breaks_no_scrape(people: People, processes: Processes) -> None:
    port = free_metrics_port()
    running = await processes.api(workers=2, metrics_port=str(port))
    async with api_at(running.url, people) as api:
        nobody = await api.client()
        await eventually(partial(answer, port, api=2), within_seconds=_WITHIN_SECONDS)
        before = await scrape(port, api=2)
        victim = random.choice(running.workers)

        victim.kill()
        victim.wait()
        reached = [await answer(port + place, api=1) for place in (0, 1)]
        await eventually(partial(answer, port, api=2), within_seconds=_WITHIN_SECONDS)
        await nobody.http.get("/v1/products/NOPE")

        after = await scrape(port, api=2)
    assert any(reached)  # the other was never gone
    assert before.of("inventory_build_info") == after.of("inventory_build_info") == 2
    assert after.of("inventory_refusals_total", code="not_found") == 1


async def test_the_relay_looks_at_what_is_owed_and_at_what_there_is(customer: Client, staff: Client, processes: Processes) -> None:
    await staff.stock("MUG", "AMS", 10)
    await staff.stock("RARE", "AMS", 1, low_stock_at=2)
    for _ in range(2):
        await customer.place(line("MUG", 2))
    await customer.confirm((await customer.place(line("MUG", 3))).json()["id"])
    port = free_metrics_port()

    processes.relay(metrics_port=str(port))
    await eventually(partial(_has_looked, port), within_seconds=_WITHIN_SECONDS)

    told = await scrape(port, relay=1)
    assert told.by("inventory_stock_units", "state") == {"on_hand": 11, "held": 4, "allocated": 3}
    assert told.by("inventory_reservations_open", "state") == {"held": 2, "confirmed": 1}
    assert told.by("inventory_stock_items", "state") == {"low": 1}
    assert told.of("inventory_invariant_violations") == 0
    assert told.of("inventory_dead_letters") == 0
    assert told.of("inventory_outbox_depth", stage="mail") + told.of("inventory_outbox_depth", stage="event") > 0
    assert told.of("inventory_postgres_connections_max") > told.of("inventory_postgres_connections", state="active") >= 1
    assert told.of("inventory_redis_memory_bytes") > 0
    assert told.of("inventory_broker_messages") >= 0
    assert told.of("inventory_circuit_open", server="cache") == 0


async def _stock(api: Api) -> None:
    staff = await api.staff()
    await staff.stock("MUG", "AMS", 1_000_000)
    await staff.stock("RARE", "ROT", 1)


async def _have_counted(port: int, mails: int) -> bool:
    """A child counts a mail just after its row says that it is sent."""
    try:
        told = await scrape(port, worker=2)
    except httpx.TransportError:
        return False
    return told.of("inventory_deliveries_total", outcome="sent") == mails


async def _has_looked(port: int) -> bool:
    if not await answer(port, relay=1):
        return False
    looks = (await scrape(port, relay=1)).by("inventory_sampled_timestamp_seconds", "what")
    return looks.keys() == {"backlog", "postgres", "cache", "broker", "stock", "invariants"}


def _of_requests(after: Figures, before: Figures) -> dict[str, float]:
    routes = {"/v1/products/{key}", "/v1/reservations", "/v1/reservations/{reservation_id}/confirm"}
    counted: Counter[str] = Counter()
    for figures, sign in ((after, 1), (before, -1)):
        for sample in figures.samples:
            if sample.name == _REQUESTS and sample.labels["route"] in routes:
                counted[sample.labels["status"]] += sign * int(sample.value)
    return dict(counted)
