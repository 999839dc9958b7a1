"""What this machine can do at all, by the same clock and with the same generator: every other figure is a share of these."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager

import httpx

from deploy.local.limits import FACTOR
from services.inventory.reservations.model import Quota
from tests.load.lab import ground
from tests.load.lab.arrivals import Plan, drive, get
from tests.load.lab.knees import climb, judge
from tests.load.lab.ladder import Pace
from tests.load.lab.mix import READ
from tests.load.lab.results import Ceiling, Step
from tests.load.lab.stacks import Stack
from tests.load.reservations import the_statement_alone
from tests.support.program import Program, free_port
from tests.support.settings import settings

_GENERATOR_START_RPS, _TRIVIAL_START_RPS = 10_000.0, 2_000.0
_SKUS = 200
_BODY = '{"sku": "TEE-M", "name": "Holdfast tee, M", "price_minor": 2200, "currency": "EUR", "status": "active"}'
_POLL_SECONDS = 0.05


def all_of(stack: Stack, pace: Pace) -> Iterator[Awaitable[Ceiling]]:
    """One after the other: each begins when it is awaited. The database has time to settle while the others are measured."""
    yield pgbench(stack, pace)
    yield generator(stack, pace)
    yield trivial(stack, pace)


async def generator(stack: Stack, pace: Pace) -> Ceiling:
    """Against a server that says yes to everything at once, which takes less of the machine than any API would."""
    async with _running(stack, "tests.load.lab.echo") as port:
        knee = await _knee(stack, port, pace, _GENERATOR_START_RPS)
    return Ceiling("generator", knee, "the generator against a server that answers each request with the same bytes at once")


async def trivial(stack: Stack, pace: Pace) -> Ceiling:
    async with _running(stack, "uvicorn", "tests.load.trivial:app", "--no-access-log", "--no-server-header", "--port") as port:
        knee = await _knee(stack, port, pace, _TRIVIAL_START_RPS)
    return Ceiling("trivial", knee, "a FastAPI route that returns a small JSON and does nothing else, one uvicorn worker, without a log")


async def pgbench(stack: Stack, pace: Pace) -> Ceiling:
    """Closed-loop, as pgbench is: sixteen clients, each of which asks again when it is answered."""
    skus, seconds, shipped = ground.sold()[:_SKUS], round(pace.ceiling_seconds), settings(stack.where)
    url = stack.where.database_url
    quota = Quota(shipped.open_holds_per_account * FACTOR, shipped.units_on_hold_per_sku * FACTOR)
    rate = await asyncio.to_thread(the_statement_alone, url, skus, quota=quota, warehouse=ground.WAREHOUSE, seconds=seconds)
    return Ceiling("pgbench", rate, f"the statement of a reservation alone, by pgbench with 16 clients over {_SKUS} skus")


async def _knee(stack: Stack, port: int, pace: Pace, start_rps: float) -> float:
    asks = [get(READ, "/v1/products/TEE-M")]

    async def attempt(rate: float) -> Step:
        tally = await drive(Plan(port=port, asks=asks, rps=rate, seconds=pace.lead_seconds + pace.step_seconds), leash=stack.leash)
        return judge(tally.since(pace.lead_seconds), rate)

    deadline = asyncio.get_running_loop().time() + pace.ceiling_seconds
    climbed = await climb(attempt, start_rps=start_rps, is_time_left=lambda: asyncio.get_running_loop().time() < deadline)
    return climbed.knee.offered_rps if climbed.knee else 0.0


@asynccontextmanager
async def _running(stack: Stack, *command: str) -> AsyncIterator[int]:
    """A server that takes its port as the last word."""
    port = free_port()
    log = stack.folder / "ceiling.log"
    program = Program(*command, str(port), environment={**os.environ, "TRIVIAL_BODY": _BODY}, log=log, leash=stack.leash)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            while not await _answers(http):
                assert program.is_running, program.tail
                await asyncio.sleep(_POLL_SECONDS)
        yield port
    finally:
        program.kill()


async def _answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/v1/products/TEE-M")).is_success
    except httpx.TransportError:
        return False
