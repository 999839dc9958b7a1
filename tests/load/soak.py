"""Whether Holdfast grows: the mix of the load lab for an hour, and each minute what every process takes of memory and files.

    python -m tests.load.soak [--seconds 3600] [--rps 500] [--warm-up 1800]

Starts a stack of its own, two API workers, and asks it in an open model; some holds last seconds only, so that the relay ends them and
the worker mails about it all the time. Memory is PSS: a page that processes share is counted once. Needs Linux. Exits with 1 if memory
grew by 5 % after the warm-up, if there is a file more than in it, if a process died, or if more than one request in a thousand failed.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from deploy.local import console
from services.inventory.accounts.access import REMEMBERED_MAX
from services.runtime.engine import RECYCLE_SECONDS
from tests.load.lab import ground
from tests.load.lab.arrivals import Ask, Plan, drive, driving, get
from tests.load.lab.costs import family
from tests.load.lab.mix import LIST, READ, Shop, mix, reserve
from tests.load.lab.scenes.stage import Stage
from tests.load.lab.stacks import Replica, Stack, own_stack
from tests.load.lab.tallies import Tally

GROWTH_MAX = 0.05  # row 16 of the targets, as all of these
FAILED_MAX = 0.001
KINDS = ("api", "worker", "relay")
WARM_UP_SECONDS = RECYCLE_SECONDS  # until every connection to PostgreSQL has been made anew, and long since each remembered token
WARM_UP_SHARE = 0.5  # of a run that is too short for that
ROUND_SECONDS = 60  # each with new connections, as clients come and go, and new tokens, which live a quarter of an hour
ROUNDS_MIN = 10  # of a shorter run
SAMPLE_SECONDS = 2
BRIEF = "brief"
BRIEF_SECONDS = 15  # so that there are mails in the warm-up of a short run, too
BRIEF_SKUS = 400  # among the 20,000 requests of the mix: ten a second at 500, each with a mail at its end
CONNECTIONS = 64
TOKEN_SETS = REMEMBERED_MAX // ground.BUYERS
USES = 3  # of each token, so that nearly every worker has seen it
FILLING_RPS = 1_000
FLOOD_RPS, FLOOD_SECONDS = 2_000, 2  # lists from the database, more than it can do: every pool is full then, and stays so


@dataclass(frozen=True, slots=True)
class Sample:
    """What the processes of each kind take at one moment."""

    pids: frozenset[int]
    memory_mb: Mapping[str, float]
    files: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Round:
    """What was seen in a minute, memory and files in the median: a connection that is there for a moment is none that was left open."""

    ended_s: float
    tally: Tally
    pids: frozenset[int]
    memory_mb: Mapping[str, float]
    files: Mapping[str, float]


def take_sample(stack: Stack) -> Sample:
    trees = {kind: [process for pid in stack.pids[kind] for process in family(pid)] for kind in KINDS}
    return Sample(
        frozenset(process.pid for tree in trees.values() for process in tree),
        {kind: sum(_pss_mb(process.pid) for process in tree) for kind, tree in trees.items()},
        {kind: sum(process.num_fds() for process in tree) for kind, tree in trees.items()},
    )


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1_024


def asks_of(shop: Shop) -> list[Ask]:
    """The mix, and holds that end while it goes on."""
    dice = random.Random(1)
    skus = ground.sold()[:BRIEF_SKUS]
    briefly = [reserve(sku, dice.choice(shop.tokens), kind=BRIEF, held_seconds=BRIEF_SECONDS) for sku in skus]
    asked = [*mix(shop), *briefly]
    dice.shuffle(asked)
    return asked


async def soak(*, seconds: float, rps: float) -> list[Round]:
    """Every round that there was, each printed when it is over."""
    async with own_stack() as stack:
        console.say("Filling the shop ...")
        await ground.fill(stack.where.database_url, ground.QUICK, show=lambda _: None)
        async with stack.api(workers=2) as replica:
            _say_heading()
            await _fill(stack, replica)
            each, began, rounds = min(ROUND_SECONDS, seconds / ROUNDS_MIN), time.monotonic(), list[Round]()
            while time.monotonic() - began < seconds:
                plan = Plan(
                    port=replica.port, asks=asks_of(await Stage(stack).shop(replica)), rps=rps, seconds=each, connections=CONNECTIONS
                )
                tally, samples = await _drive(stack, plan)
                rounds.append(_sum_up(time.monotonic() - began, tally, samples))
                _say(rounds[-1])
            return rounds


async def _fill(stack: Stack, replica: Replica) -> None:
    """What grows by design: the tokens that each worker remembers, up to a number, and the connections of its pool."""
    tokens = [token for _ in range(TOKEN_SETS) for token in await ground.tokens(stack)]
    asks = [get(READ, f"/v1/products/{ground.sku(1)}", token) for _ in range(USES) for token in tokens]
    await drive(Plan(port=replica.port, asks=asks, rps=FILLING_RPS, seconds=len(asks) / FILLING_RPS), leash=stack.leash)
    strong = [get(LIST, "/v1/products?limit=50&consistency=strong", tokens[-1])]
    await drive(Plan(port=replica.port, asks=strong, rps=FLOOD_RPS, seconds=FLOOD_SECONDS), leash=stack.leash)


async def _drive(stack: Stack, plan: Plan) -> tuple[Tally, list[Sample]]:
    samples = []
    async with driving(plan, leash=stack.leash) as going:
        while time.monotonic() < going.began + plan.seconds - SAMPLE_SECONDS:
            await asyncio.sleep(SAMPLE_SECONDS)
            samples.append(await asyncio.to_thread(take_sample, stack))
        [tally] = await going.finish()
    return tally, samples


def _sum_up(ended_s: float, tally: Tally, samples: Sequence[Sample]) -> Round:
    return Round(
        ended_s,
        tally,
        samples[-1].pids,
        {kind: median(one.memory_mb[kind] for one in samples) for kind in KINDS},
        {kind: median(one.files[kind] for one in samples) for kind in KINDS},
    )


def breaches(rounds: Sequence[Round], *, warm_up: float) -> Iterator[str]:
    """A sentence for everything that was not as it must be."""
    warm = [one for one in rounds if one.ended_s <= warm_up] or rounds[:1]
    later = rounds[len(warm) :]
    if len(later) == 0:
        yield "the run ended in its warm-up: nothing was shown"
        return
    for kind in KINDS:
        before, after = warm[-1].memory_mb[kind], median(one.memory_mb[kind] for one in later[-3:])
        if after >= before * (1 + GROWTH_MAX):
            yield f"{kind} grew from {before:.1f} to {after:.1f} MB, by {after / before - 1:.1%}"
        had, has = max(one.files[kind] for one in warm), max(one.files[kind] for one in later)
        if has > had:
            yield f"{kind} had {had:.0f} files open in the warm-up, and {has:.0f} after it"
    if any(one.pids != warm[-1].pids for one in later):
        yield "a process died, or there is one more"
    failed = sum(len(one.tally) - one.tally.ok for one in rounds) / sum(len(one.tally) for one in rounds)
    if failed > FAILED_MAX:
        yield f"{failed:.2%} of the requests failed"


def _say_heading() -> None:
    kinds = "".join(f"{kind:>10} MB  files" for kind in KINDS)
    console.say(console.bold(f"{'s':>6} {'answered/s':>11} {'failed':>7} {'p50 ms':>7} {'p99 ms':>7}{kinds}"))


def _say(one: Round) -> None:
    times = one.tally.latencies()
    kinds = "".join(f"{one.memory_mb[kind]:>13.1f} {one.files[kind]:>6.0f}" for kind in KINDS)
    rate, failed = one.tally.ok / one.tally.seconds, len(one.tally) - one.tally.ok
    console.say(f"{one.ended_s:>6.0f} {rate:>11.0f} {failed:>7} {times.p50_ms:>7.1f} {times.p99_ms:>7.1f}{kinds}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=3_600)
    parser.add_argument("--rps", type=float, default=500)
    parser.add_argument("--warm-up", type=float, default=WARM_UP_SECONDS)
    chosen = parser.parse_args()
    rounds = asyncio.run(soak(seconds=chosen.seconds, rps=chosen.rps))
    found = list(breaches(rounds, warm_up=min(chosen.warm_up, chosen.seconds * WARM_UP_SHARE)))
    for sentence in found:
        console.say(console.bad(f"Breach: {sentence}."))
    if not found:
        console.say(console.good(f"After the warm-up nothing grew by {GROWTH_MAX:.0%}, and no file was left open."))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
