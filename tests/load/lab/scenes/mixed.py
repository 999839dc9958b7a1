"""The mix at a steady rate while something is done to the servers: what the scenes with an outage have alike."""

from collections.abc import Awaitable, Callable, Sequence

from tests.load.lab.arrivals import Ask, Plan, driving
from tests.load.lab.mix import READ
from tests.load.lab.scenes.stage import Clock, Played, Stage
from tests.load.lab.tallies import REFUSED, Tally

Harm = Callable[[Clock], Awaitable[None]]

WELL_MS = 100.0  # the p99 of a second in which all is well again


async def play_mix(stage: Stage, harm: Harm, *, asks: Sequence[Ask], port: int, rps: float, seconds: float) -> Played:
    """Do harm while the mix goes on. Who ends it marks the moment last: what comes after that is the recovery."""
    plan = Plan(port=port, asks=asks, rps=rps, seconds=seconds)
    async with driving(plan, leash=stage.stack.leash) as going:
        clock = Clock(going.began)
        await harm(clock)
        [tally] = await going.finish()
    return Played(tally.timeline(), _figures(tally, clock), tally.statuses().get(201, 0), clock.marks)


def _figures(tally: Tally, clock: Clock) -> dict[str, float]:
    statuses = tally.statuses()
    refused = sum(statuses.get(status, 0) for status in REFUSED)
    reads = tally.statuses(READ)
    return {
        "requests": len(tally),
        "served, share": tally.ok / len(tally),
        "told to come back": refused,
        "failed": len(tally) - tally.ok - refused,
        "products that were read, share": 1 - sum(count for status, count in reads.items() if status != 200) / sum(reads.values()),
        "all well again after, s": recovered_after(tally, clock),
    }


def recovered_after(tally: Tally, clock: Clock) -> float:
    """Seconds from the last mark until no second has a refusal, a failure or a long wait any more."""
    over = clock.marks[-1].at_s
    ill = [one.at_s + 1 for one in tally.timeline() if one.ok < one.offered or (one.p99_ms or 0) > WELL_MS]
    return max([at - over for at in ill if at > over], default=0.0)
