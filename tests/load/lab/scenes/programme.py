"""Every scene, in the order in which they are played."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import httpx
from redis.exceptions import RedisError

from tests.load.lab.results import Scene
from tests.load.lab.scenes import abuser, deploy, flash_sale, overload, postgres_restarted, redis_killed
from tests.load.lab.scenes.stage import Played, Stage
from tests.load.lab.scenes.verdict import reservations_made, verdict
from tests.load.lab.stacks import Stack

BROKEN = (AssertionError, OSError, TimeoutError, httpx.HTTPError, asyncpg.PostgresError, RedisError)
SECONDS_MAX = 90  # of a scene with its starts and its verdict; most take half of it


@dataclass(frozen=True, slots=True)
class Act:
    """A scene before it is played."""

    name: str
    story: str
    play: Callable[[Stage], Awaitable[Played]]


ACTS = (
    Act(
        "Flash sale",
        "10,000 buyers, each with an account and a token of their own, want 500 units of one SKU within eight seconds; others go on "
        "looking at other products. 500 get one; everybody else is told at once that it is sold out (told no).",
        flash_sale.play_batched,
    ),
    Act(
        "Flash sale without batching",
        "The same with HOLDFAST_BATCHING=off: each order is a statement of its own, and all queue for the lock of one row.",
        flash_sale.play_one_by_one,
    ),
    Act(
        "An abusive client",
        "Among a thousand customers who behave, one asks 1,500 times a second for the dearest list there is, past every cache. The limits "
        "are as shipped: after its share it is told 429, which costs little, and the others notice little.",
        abuser.play_limited,
    ),
    Act(
        "An abusive client without a limiter",
        "The same with limits so high that nobody meets them: everybody waits behind the one.",
        abuser.play_unlimited,
    ),
    Act(
        "Ten times overload",
        "Ten times as many lists as one worker can answer. It goes on answering what it can and tells the others to come back: goodput "
        "stays near its peak, and afterwards all is as before.",
        overload.play,
    ),
    Act(
        "Redis is killed",
        "The mix goes on while both Redis servers are killed and come back ten seconds later. Nothing fails: it is a cache, limits are "
        "held by each process alone, and answers come from the database.",
        redis_killed.play,
    ),
    Act(
        "PostgreSQL is restarted",
        "The mix goes on while the database is shut down and started again, and later as if by a power cut. Who needs it is told 503 with "
        "Retry-After; no order that was acknowledged is lost.",
        postgres_restarted.play,
    ),
    Act(
        "A deploy",
        "The mix goes on while every process that serves is replaced by a new one, one at a time: two replicas behind nginx, or where "
        "there is none the two workers of one API. Behind nginx no request fails; a worker that ends may close a connection under a "
        "request that is just on its way, which nobody then sends again.",
        deploy.play,
    ),
)
QUICK = ACTS[:1]


async def perform(act: Act, stack: Stack) -> Scene:
    """Play it and look at the stock afterwards. A scene that breaks says why, and the next one is played."""
    url = stack.where.database_url
    try:
        async with asyncio.timeout(SECONDS_MAX):
            before = await reservations_made(url)
            played = await act.play(Stage(stack))
            found = await verdict(url, made_before=before, acknowledged=played.acknowledged)
    except BROKEN as error:
        return Scene(act.name, act.story, skipped=f"it broke: {type(error).__name__} {error}")
    return Scene(act.name, act.story, played.timeline, played.marks, played.figures, found)
