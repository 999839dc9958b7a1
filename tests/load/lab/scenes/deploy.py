"""Every process that serves is replaced by a new one while people buy, one at a time."""

import os
import signal
from contextlib import AsyncExitStack

from tests.load.lab import nginx
from tests.load.lab.mix import mix
from tests.load.lab.scenes.mixed import play_mix
from tests.load.lab.scenes.stage import Clock, Played, Stage
from tests.support.eventually import eventually
from tests.support.processes import Api

RPS = 300
AT, SECONDS = 5.0, 22.0
_REPLACED_SECONDS_MAX = 40  # two starts, on a machine that does other things


async def play(stage: Stage) -> Played:
    return await (_play_on_workers(stage) if nginx.missing() else _play_on_replicas(stage))


async def _play_on_replicas(stage: Stage) -> Played:
    """Behind nginx, which asks the other one while a replica is gone."""
    async with AsyncExitStack() as running:
        replicas = [await running.enter_async_context(stage.stack.api(workers=1)) for _ in range(2)]
        port = await running.enter_async_context(nginx.in_front_of(stage.stack, [replica.port for replica in replicas]))
        shop = await stage.shop(replicas[0])

        async def harm(clock: Clock) -> None:
            await clock.until(AT)
            for number, replica in enumerate(replicas, start=1):
                clock.mark(f"replica {number} is told to stop")
                await stage.stack.stop_api(replica)
                new = await stage.stack.start_api(workers=1, port=replica.port)
                running.push_async_callback(stage.stack.stop_api, new)
                clock.mark(f"a new replica {number} is ready")

        return await play_mix(stage, harm, asks=mix(shop), port=port, rps=RPS, seconds=SECONDS)


async def _play_on_workers(stage: Stage) -> Played:
    """Without a balancer uvicorn replaces its workers. Requests see what they see of a deploy; the code is still that of their parent."""
    async with stage.stack.api(workers=2) as replica:
        api = replica.api

        async def harm(clock: Clock) -> None:
            await clock.until(AT)
            old = _pids(api)

            async def are_new() -> bool:
                return len(_pids(api)) == replica.workers and not _pids(api) & old

            clock.mark("no nginx here: SIGHUP, with which uvicorn starts a new worker before it ends an old one, one after the other")
            os.kill(api.program.pid, signal.SIGHUP)  # to it alone, as an operator does
            await eventually(are_new, within_seconds=_REPLACED_SECONDS_MAX)
            clock.mark("both workers are new ones")

        return await play_mix(stage, harm, asks=mix(await stage.shop(replica)), port=replica.port, rps=RPS, seconds=SECONDS)


def _pids(api: Api) -> set[int]:
    return {worker.pid for worker in api.workers}
