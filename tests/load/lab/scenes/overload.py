"""Ten times as many requests as the API can answer."""

from collections.abc import Sequence

from tests.load.lab.arrivals import Ask, Plan, drive, driving, get
from tests.load.lab.mix import LIST
from tests.load.lab.scenes.stage import Clock, Played, Stage
from tests.load.lab.tallies import REFUSED, Tally

TIMES = 10
SATURATED_RPS = 3_000.0  # more than one worker answers of these, so that every connection always waits for an answer
SATURATED_CONNECTIONS = 32
SATURATED_SECONDS = 4.0
CALM = 0.5  # of what it can do, before and after
BEGINS_AT, ENDS_AT, SECONDS = 3.0, 11.0, 20.0
RECOVERED_SECONDS = 5.0  # the target
CONNECTIONS = 1_000  # who is refused waits at the door for a while, and so many can


async def play(stage: Stage) -> Played:
    """Lists that no cache answers, from one worker: of what is cheaper, the generator could not send ten times as much."""
    async with stage.stack.api(workers=1) as api:
        shop = await stage.shop(api)
        asks = [get(LIST, f"{page}&consistency=strong", token) for page, token in zip(shop.pages, shop.tokens, strict=False)]
        peak = await _peak(api.port, asks, stage)
        calm = Plan(port=api.port, asks=asks, rps=CALM * peak, seconds=BEGINS_AT, connections=SATURATED_CONNECTIONS)
        flood = Plan(
            port=api.port,
            asks=asks,
            rps=TIMES * peak,
            seconds=ENDS_AT - BEGINS_AT,
            after_seconds=BEGINS_AT,
            connections=CONNECTIONS,
            wait_seconds=0,  # there are no more clients than these
        )
        after = Plan(
            port=api.port,
            asks=asks,
            rps=CALM * peak,
            seconds=SECONDS - ENDS_AT,
            after_seconds=ENDS_AT,
            connections=SATURATED_CONNECTIONS,
        )
        async with driving(calm, flood, after, leash=stage.stack.leash) as going:
            clock = Clock(going.began)
            await clock.until(BEGINS_AT)
            clock.mark(f"{TIMES} times as much is asked as can be answered: {TIMES * peak:,.0f} a second")
            await clock.until(ENDS_AT)
            clock.mark("it is over")
            tallies = await going.finish()
    timeline = [second for tally in tallies for second in tally.timeline()]
    return Played(timeline, _figures(peak, *tallies), 0, clock.marks)


async def _peak(port: int, asks: Sequence[Ask], stage: Stage) -> float:
    """Answers a second that clients get who ask one question after another."""
    busy = Plan(port=port, asks=asks, rps=SATURATED_RPS, seconds=SATURATED_SECONDS, connections=SATURATED_CONNECTIONS, wait_seconds=0)
    tally = await drive(busy, leash=stage.stack.leash)
    return tally.ok / SATURATED_SECONDS


def _figures(peak: float, calm: Tally, flood: Tally, after: Tally) -> dict[str, float]:
    goodput = flood.ok / (ENDS_AT - BEGINS_AT)
    recovered = after.since(ENDS_AT + RECOVERED_SECONDS)
    return {
        "answers a second at its peak": peak,
        "asked a second meanwhile": len(flood) / (ENDS_AT - BEGINS_AT),
        "answers a second meanwhile": goodput,
        "goodput, share of the peak": goodput / peak,
        "were told to come back, a second": sum(flood.statuses().get(status, 0) for status in REFUSED) / (ENDS_AT - BEGINS_AT),
        "p99 before, ms": calm.latencies().p99_ms,
        "p99 meanwhile, of what was answered, ms": flood.latencies().p99_ms,
        f"p99 from {RECOVERED_SECONDS:.0f} s after it, ms": recovered.latencies().p99_ms,
    }
