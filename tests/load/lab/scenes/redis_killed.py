"""Both Redis servers are killed under the shop's feet, and come back after a while."""

import asyncio

from tests.load.lab.mix import mix
from tests.load.lab.scenes.mixed import play_mix
from tests.load.lab.scenes.stage import Clock, Played, Stage

RPS = 300  # what two workers answer without a cache too
KILLED_AT, BACK_AT, SECONDS = 6.0, 16.0, 26.0


async def play(stage: Stage) -> Played:
    stack = stage.stack

    async def harm(clock: Clock) -> None:
        await clock.until(KILLED_AT)
        stack.cache.kill()
        stack.broker.kill()
        clock.mark("kill -9 of Redis: of the one with copies, limits and revocations, and of Celery's")
        await clock.until(BACK_AT)
        await asyncio.gather(stack.cache.start(), stack.broker.start())
        clock.mark("both answer again; the cache is empty")

    async with stack.api(workers=2) as replica:
        try:
            return await play_mix(stage, harm, asks=mix(await stage.shop(replica)), port=replica.port, rps=RPS, seconds=SECONDS)
        finally:
            for server in (stack.cache, stack.broker):
                if server.pid is None:  # whoever plays next needs it
                    await server.start()
