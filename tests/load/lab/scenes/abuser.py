"""One client asks for everything at once, among people who behave."""

from dataclasses import replace
from itertools import cycle

from tests.load.lab.arrivals import Ask, Plan, driving, get
from tests.load.lab.mix import LIST, mix
from tests.load.lab.scenes.stage import Clock, Played, Stage
from tests.load.lab.tallies import Tally, quantile_ms

PEOPLE_PER_SECOND = 200
FLOOD_PER_SECOND = 1_500  # of the dearest that can be read: a page of fifty that no cache answers
BEGINS_AT, ENDS_AT, SECONDS = 5.0, 15.0, 20.0
BURST_SECONDS = 2.0  # in which it uses up what a limit lets in at once
SERVED = (200, 201)
ADDRESSES = 1_000  # of those who behave, so that each asks every few seconds
PROXY = "127.0.0.1/32"  # whom the API believes who is asking: the generator speaks for all, as a proxy does


async def play_limited(stage: Stage) -> Played:
    return await _play(stage, rate_limit_factor="1")


async def play_unlimited(stage: Stage) -> Played:
    """With the limits so high that nobody meets them."""
    return await _play(stage)


async def _play(stage: Stage, **chosen: str) -> Played:
    addresses = cycle(f"10.1.{number // 250}.{number % 250}" for number in range(ADDRESSES))
    async with stage.stack.api(workers=2, settings={"trusted_proxies": PROXY, **chosen}) as api:
        shop = await stage.shop(api)
        others = replace(shop, tokens=shop.tokens[1:])
        people = [_from(address, ask) for address, ask in zip(addresses, mix(others), strict=False)]
        flood = [_from("203.0.113.66", get(LIST, f"{page}&consistency=strong", shop.tokens[0])) for page in shop.pages]
        calm = Plan(port=api.port, asks=people, rps=PEOPLE_PER_SECOND, seconds=SECONDS)
        seconds = ENDS_AT - BEGINS_AT
        wild = Plan(port=api.port, asks=flood, rps=FLOOD_PER_SECOND, seconds=seconds, after_seconds=BEGINS_AT, wait_seconds=0)
        async with driving(calm, wild, leash=stage.stack.leash) as going:
            clock = Clock(going.began)
            await clock.until(BEGINS_AT)
            clock.mark(f"one client begins to ask {FLOOD_PER_SECOND:,} times a second")
            await clock.until(ENDS_AT)
            clock.mark("it stops")
            behaved, abusive = await going.finish()
    timeline = behaved.timeline(client="those who behave") + abusive.timeline(client="the one who does not")
    return Played(timeline, _figures(behaved, abusive), behaved.statuses().get(201, 0), clock.marks)


def _from(address: str, ask: Ask) -> Ask:
    return replace(ask, head=ask.head.replace(b"Host: lab\r\n", f"Host: lab\r\nX-Forwarded-For: {address}\r\n".encode(), 1))


def _figures(behaved: Tally, abusive: Tally) -> dict[str, float]:
    burst_until = BEGINS_AT + BURST_SECONDS
    during = [status for status, due in zip(behaved.status, behaved.due, strict=True) if BEGINS_AT <= due < ENDS_AT]
    return {
        "p99 of those who behave before it, ms": _p99_ms(behaved, 0, BEGINS_AT),
        f"p99 of those who behave in its first {BURST_SECONDS:.0f} s, ms": _p99_ms(behaved, BEGINS_AT, burst_until),
        "p99 of those who behave after that, ms": _p99_ms(behaved, burst_until, ENDS_AT),
        "of those who behave, share that was served meanwhile": sum(1 for status in during if status in SERVED) / len(during),
        "answers that the other one got, a second": abusive.ok / (ENDS_AT - BEGINS_AT),
    }


def _p99_ms(tally: Tally, since: float, until: float) -> float:
    """Of those who were served."""
    rows = zip(tally.due, tally.status, tally.latency, strict=True)
    latencies = sorted(latency for due, status, latency in rows if since <= due < until and status in SERVED)
    return quantile_ms(latencies, 0.99) or 0.0
