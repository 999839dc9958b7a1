"""The database is restarted while people buy: once as an operator does it, and once as a power cut does."""

from tests.load.lab.mix import mix
from tests.load.lab.scenes.mixed import play_mix
from tests.load.lab.scenes.stage import Clock, Played, Stage
from tests.support.own_postgres import FAST, IMMEDIATE

RPS = 300
FAST_AT, IMMEDIATE_AT, SECONDS = 5.0, 12.0, 22.0


async def play(stage: Stage) -> Played:
    postgres = stage.stack.postgres

    async def harm(clock: Clock) -> None:
        await clock.until(FAST_AT)
        clock.mark("PostgreSQL is told to shut down (fast) and to start again")
        await postgres.restart(FAST)
        clock.mark("it takes connections again")
        await clock.until(IMMEDIATE_AT)
        clock.mark("it is stopped at once (immediate), and writes nothing down")
        await postgres.restart(IMMEDIATE)
        clock.mark("it has read its log and takes connections again")

    async with stage.stack.api(workers=2) as replica:
        return await play_mix(stage, harm, asks=mix(await stage.shop(replica)), port=replica.port, rps=RPS, seconds=SECONDS)
