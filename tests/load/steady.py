"""Whether everybody is answered all the time: the mix of the load lab at a rate for a minute, then as fast as one worker can.

    python -m tests.load.steady [--rps 1000] [--seconds 60] [--stock-items 100000]

Starts a stack of its own. First two API workers are asked in an open model; then one worker by 64 connections, and by 256, that ask again
as soon as they are answered. Exits with 1 if in the first part the p99 is above 25 ms or anything was not answered with success, or if in
the second a second passed without answers or somebody was refused.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from tests.load.lab import ground
from tests.load.lab.arrivals import Ask, Plan, drive
from tests.load.lab.ladder import warm
from tests.load.lab.mix import Shop, every_product, mix
from tests.load.lab.scenes.stage import Stage
from tests.load.lab.stacks import Stack, own_stack
from tests.load.lab.tallies import UNSENT, Tally, is_ok

P99_MS_MAX = 25.0
LEAD_SECONDS = 2.0  # not counted: connections are new, and pools empty
BUSY_RPS = 4_000.0  # more than one worker answers of the mix, so that every connection always waits for an answer
BUSY_SECONDS = 20.0
CONNECTIONS = (64, 256)


async def measure(chosen: argparse.Namespace) -> bool:
    async with own_stack() as stack:
        print(f"{chosen.stock_items:,} stock items are made", flush=True)
        await ground.fill(stack.where.database_url, ground.Size(chosen.stock_items), lambda _: None)
        at_a_rate = await _at_a_rate(stack, chosen.rps, chosen.seconds)
        return all([at_a_rate, *[await _as_fast_as_it_can(stack, connections) for connections in CONNECTIONS]])


async def _at_a_rate(stack: Stack, rps: float, seconds: float) -> bool:
    async with stack.api(workers=2) as api:
        asks = await _warm(stack, api.port, await Stage(stack).shop(api))
        plan = Plan(port=api.port, asks=asks, rps=rps, seconds=LEAD_SECONDS + seconds)
        tally = (await drive(plan, leash=stack.leash)).since(LEAD_SECONDS)
    times, failed = tally.latencies(), len(tally) - tally.ok
    rate = f"{rps:,.0f} a second for {seconds:.0f} s, two workers"
    print(f"{rate}: p50 {times.p50_ms:.1f} ms, p99 {times.p99_ms:.1f} ms, {failed} without success", flush=True)
    return times.p99_ms <= P99_MS_MAX and failed == 0


async def _as_fast_as_it_can(stack: Stack, connections: int) -> bool:
    async with stack.api(workers=1) as api:
        asks = await _warm(stack, api.port, await Stage(stack).shop(api))
        plan = Plan(port=api.port, asks=asks, rps=BUSY_RPS, seconds=BUSY_SECONDS, connections=connections, wait_seconds=0)
        tally = await drive(plan, leash=stack.leash)
    answers = [second.ok for second in tally.timeline()]
    others = _without_success(tally)
    rates = f"{tally.ok / BUSY_SECONDS:,.0f} answers a second, {min(answers):,} in the slowest"
    print(
        f"{connections} connections, one worker: {rates}; p99 {tally.latencies().p99_ms:.0f} ms; other answers: {others or 'none'}",
        flush=True,
    )
    return min(answers) > 0 and not others


async def _warm(stack: Stack, port: int, shop: Shop) -> Sequence[Ask]:
    """The mix, once every product that it reads has been read."""
    await warm(port, every_product(shop), stack.leash)
    return mix(shop)


def _without_success(tally: Tally) -> dict[int, int]:
    """Of what was sent."""
    return {status: count for status, count in tally.statuses().items() if status != UNSENT and not is_ok(status)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rps", type=float, default=1_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--stock-items", type=int, default=100_000)
    return 0 if asyncio.run(measure(parser.parse_args())) else 1


if __name__ == "__main__":
    sys.exit(main())
