"""The same mix on configurations that differ by one layer each, and the knee of each: which layer bought what."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import psutil  # type: ignore[import-untyped]

from services.runtime.settings import PREFIX
from tests.load.lab import costs, ground, nginx
from tests.load.lab.arrivals import Ask, Plan, drive
from tests.load.lab.costs import Target
from tests.load.lab.knees import climb, judge
from tests.load.lab.mix import Shop, every_product, mix
from tests.load.lab.results import GENERATOR_SHARE_MAX, Cost, Rung, Step
from tests.load.lab.stacks import Stack
from tests.support.leash import Leash

FIRST_RPS = 200.0  # below what anything of ours does on any machine
PATIENCE_SECONDS = 2.0  # forty times what a knee allows: a rate that makes anybody wait so long is too much, and is over sooner
WARM_RPS = 500.0
WARM_ASKS = 500  # where there is no cache to fill: what has yet to connect does


@dataclass(frozen=True, slots=True)
class Layer:
    """How one rung is started."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    replicas: int = 1
    is_behind_nginx: bool = False
    is_quick: bool = True  # one of the main rungs


LAYERS = (
    Layer("no cache", {"cache": "off", "fast_path": "off"}),
    Layer("cache", {"fast_path": "off"}),
    Layer("fast path"),
    Layer("two workers", workers=2),
    Layer("one replica behind nginx", is_behind_nginx=True, is_quick=False),
    Layer("two replicas behind nginx", replicas=2, is_behind_nginx=True),
    Layer("four replicas behind nginx", replicas=4, is_behind_nginx=True, is_quick=False),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things are looked at."""

    step_seconds: float  # one rate
    lead_seconds: float  # before that, not counted: connections are new and queues empty
    climb_seconds: float  # all rates of a rung
    ceiling_seconds: float  # a ceiling


FULL = Pace(step_seconds=5, lead_seconds=1, climb_seconds=40, ceiling_seconds=20)
QUICK = Pace(step_seconds=2, lead_seconds=0.5, climb_seconds=16, ceiling_seconds=7)


Say = Callable[[str], None]
Look = Callable[[float], Awaitable[tuple[Step, Cost]]]  # at one rate


async def run(stack: Stack, layers: Sequence[Layer], pace: Pace, say: Say) -> AsyncIterator[Rung]:
    """One rung after the other, as each is done. One that breaks says why, and the next one is tried."""
    start_rps = FIRST_RPS
    for layer in layers:
        rung = Rung(layer.name, _told(layer), skipped=nginx.missing() if layer.is_behind_nginx else None)
        try:
            if not rung.skipped:
                rung = await _rung(stack, layer, pace, start_rps=start_rps, say=say)
        except (AssertionError, OSError) as error:
            rung = replace(rung, skipped=f"it broke: {type(error).__name__} {error}")
        start_rps = rung.knee_rps or start_rps
        yield rung


def judged(rung: Rung, generator_rps: float | None) -> Rung:
    """With the word whether it was the generator that could not do more."""
    is_bound = generator_rps is not None and (rung.knee_rps or 0) > GENERATOR_SHARE_MAX * generator_rps
    return replace(rung, generator_bound=is_bound)


async def _rung(stack: Stack, layer: Layer, pace: Pace, *, start_rps: float, say: Say) -> Rung:
    await stack.cache.forget_everything()
    async with _started(stack, layer) as target:
        shop = Shop(await ground.tokens(stack), await ground.pages(target.url))
        look = await warmed(target, shop, pace, stack.leash, has_cache=layer.settings.get("cache") != "off")
        return await find(Rung(layer.name, _told(layer)), look, pace, start_rps=start_rps, say=say)


async def warmed(target: Target, shop: Shop, pace: Pace, leash: Leash, *, has_cache: bool = True) -> Look:
    """How to look at a target under the mix, once it is as warm as on any day."""
    asks = mix(shop)
    first = every_product(shop) if has_cache else asks[:WARM_ASKS]
    await warm(target.port, first, leash)

    async def look(rate: float) -> tuple[Step, Cost]:
        before = await costs.read(target)
        seconds = pace.lead_seconds + pace.step_seconds
        tally = await drive(Plan(port=target.port, asks=asks, rps=rate, seconds=seconds, patience_seconds=PATIENCE_SECONDS), leash=leash)
        after = await costs.read(target)
        return judge(tally.since(pace.lead_seconds), rate), await costs.cost(target, before, after, tally)

    return look


async def warm(port: int, first: Sequence[Ask], leash: Leash) -> None:
    """Ask for each of these once."""
    await drive(Plan(port=port, asks=first, rps=WARM_RPS, seconds=len(first) / WARM_RPS, is_poisson=False), leash=leash)


async def find(rung: Rung, look: Look, pace: Pace, *, start_rps: float, say: Say) -> Rung:
    """The rung with its knee, and what was seen there."""
    seen = dict[Step, Cost]()

    async def attempt(rate: float) -> Step:
        step, cost = await look(rate)
        seen[step] = cost
        say(_line(step))
        return step

    deadline = time.monotonic() + pace.climb_seconds
    climbed = await climb(attempt, start_rps=start_rps, is_time_left=lambda: time.monotonic() < deadline)
    knee = climbed.knee
    if knee is None:
        return replace(rung, steps=climbed.steps)
    cost = seen[knee]
    capacity = 1e6 * psutil.cpu_count() / cost.server_cpu_us if cost.server_cpu_us else None
    return replace(rung, steps=climbed.steps, knee_rps=knee.offered_rps, latencies=knee.latencies, cost=cost, capacity_rps=capacity)


def _line(step: Step) -> str:
    verdict = "" if step.is_within else "too much"
    return f"{step.offered_rps:7,.0f}/s   p99 {step.latencies.p99_ms:7.1f} ms   errors {step.errors:7.2%}   {verdict}".rstrip()


@asynccontextmanager
async def _started(stack: Stack, layer: Layer) -> AsyncIterator[Target]:
    async with AsyncExitStack() as running:
        started = (stack.api(workers=layer.workers, settings=layer.settings) for _ in range(layer.replicas))
        replicas = [await running.enter_async_context(one) for one in started]
        ports = [replica.port for replica in replicas]
        port = await running.enter_async_context(nginx.in_front_of(stack, ports)) if layer.is_behind_nginx else ports[0]
        metrics = {replica.metrics_port: replica.workers for replica in replicas}

        async def connections() -> Mapping[str, int]:
            return {"postgres": await costs.sessions(stack.where.database_url), "valkey": await costs.clients(stack.where.cache_url)}

        yield Target(port, stack.pids, metrics, connections)


def _told(layer: Layer) -> dict[str, str]:
    """In the words of `.env.example`, what rungs differ by."""
    said = {"cache": "on", "fast_path": "on", **layer.settings, "api_workers": str(layer.workers)}
    named = {PREFIX + name.upper(): value for name, value in said.items()}
    return named | ({"replicas": str(layer.replicas)} if layer.is_behind_nginx else {})
