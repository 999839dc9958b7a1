"""Where the API spends its time under load: a flame graph of all its workers.

    python -m tests.load.profile [--seconds 20] [--rps 500] [--pid PID] [--into .run/profile/api.svg]

Starts a stack of its own and asks it what the load lab does, or, with --pid, looks at the API whose main process that is, under whatever
load it has. py-spy looks at each process a hundred times a second from outside; it stops the process while it looks, so the rates of a
run are not to be compared with those of another one.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path

from deploy.local import console
from tests.load.lab import ground
from tests.load.lab.arrivals import Plan, driving
from tests.load.lab.mix import every_product, mix
from tests.load.lab.scenes.stage import Stage
from tests.load.lab.stacks import own_stack
from tests.support.sources import ROOT

INTO = ROOT / ".run" / "profile" / "api.svg"
PY_SPY = Path(sys.executable).with_name("py-spy")
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
WARM_SECONDS = 3  # until the cache has what is asked for, and the pools their connections


class NotAllowed(Exception):
    """This system does not let us look; the message says what to do."""


def refuse_where_nobody_may_look() -> None:
    """Before a stack is started in vain. Raises NotAllowed."""
    scope = int(YAMA.read_text()) if YAMA.exists() else 0
    if scope and os.geteuid():
        raise NotAllowed(
            f"this kernel lets a process look into its own children only (kernel.yama.ptrace_scope is {scope}): "
            "sudo sysctl kernel.yama.ptrace_scope=0 lets you look into all of yours until the next boot"
        )
    if sys.platform == "darwin" and os.geteuid():
        raise NotAllowed("macOS lets nobody but root look into a process: sudo make profile")


async def profile_own(*, seconds: int, rps: float, into: Path) -> None:
    """Drive an API of our own, and look at it meanwhile."""
    async with own_stack() as stack:
        console.say("Filling the shop ...")
        await ground.fill(stack.where.database_url, ground.QUICK, show=lambda _: None)
        async with stack.api(workers=2) as replica:
            shop = await Stage(stack).shop(replica)
            plan = Plan(port=replica.port, asks=[*every_product(shop), *mix(shop)], rps=rps, seconds=seconds + 2 * WARM_SECONDS)
            async with driving(plan, leash=stack.leash) as going:
                await asyncio.sleep(WARM_SECONDS)
                await asyncio.to_thread(record, replica.api.program.pid, seconds=seconds, into=into)
                [tally] = await going.finish()
    console.say(f"{len(tally)} requests, {tally.errors:.2%} of them failed, p99 {tally.latencies().p99_ms:.0f} ms while py-spy looked.")


def record(pid: int, *, seconds: int, into: Path) -> None:
    """Look at a process and its children for so long. Raises NotAllowed."""
    into.parent.mkdir(parents=True, exist_ok=True)
    # Whoever holds the interpreter: threads that wait would else be taken for busy ones.
    options = ("--gil", "--subprocesses", "--duration", str(seconds), "--format", "flamegraph", "--output", str(into))
    told = subprocess.run([PY_SPY, "record", "--pid", str(pid), *options], capture_output=True, text=True, check=False)
    if told.returncode or not into.exists():
        raise NotAllowed(f"py-spy sees nothing: {told.stderr.strip()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rps", type=float, default=500)
    parser.add_argument("--pid", type=int)
    parser.add_argument("--into", type=Path, default=INTO)
    chosen = parser.parse_args()
    try:
        refuse_where_nobody_may_look()
        if chosen.pid:
            record(chosen.pid, seconds=chosen.seconds, into=chosen.into)
        else:
            asyncio.run(profile_own(seconds=chosen.seconds, rps=chosen.rps, into=chosen.into))
    except NotAllowed as error:
        sys.exit(f"{console.bad('Not done:')} {error}")
    console.say(f"{chosen.into}: open it in a browser; a click on a bar shows what is above it.")


if __name__ == "__main__":
    main()
