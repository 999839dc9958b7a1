"""The load lab: how many requests a second each layer buys, where each saturates, and what happens when something breaks meanwhile.

    python -m tests.load.lab [--quick] [--only ladder|scenes|ceilings] [--seconds-max 1200] [--target compose] [--into .run/load]

An open model throughout: a request is due when the clock says so, and its latency counts from then. Runs the ceilings of the machine,
the ladder and the scenes on a stack of its own, and writes what it found to `.run/load/report.json` and `report.html`: after each part,
so an interrupted run has what was finished by then.
"""

import argparse
import asyncio
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from deploy.local import console
from tests.load.lab import ceilings, compose, ground, ladder, machine
from tests.load.lab.ladder import Layer, Pace, judged
from tests.load.lab.report.page import render
from tests.load.lab.results import Report, Rung, Scene, as_json
from tests.load.lab.scenes import programme
from tests.load.lab.stacks import Stack, own_stack
from tests.support.sources import ROOT

PARTS = ("ceilings", "ladder", "scenes")
FOLDER = ROOT / ".run" / "load"
NAME_WIDTH = 34
SCENE_SECONDS = 45  # most are over by then
_SAID_EVERY_SECONDS = 5
_TAKEN_DOWN_SECONDS = 5  # of the time that there is, to stop everything and write the report
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Scope:
    """How much is looked at, and how long."""

    size: ground.Size
    pace: Pace
    layers: Sequence[Layer]
    acts: Sequence[programme.Act]
    seconds_max: float


FULL = Scope(ground.FULL, ladder.FULL, ladder.LAYERS, programme.ACTS, seconds_max=1_200)
QUICK = Scope(ground.QUICK, ladder.QUICK, [layer for layer in ladder.LAYERS if layer.is_quick], programme.QUICK, seconds_max=180)


class Notebook:
    """The report as far as it has come, on disk after each line."""

    def __init__(self, folder: Path, report: Report, *, seconds_max: float) -> None:
        self._folder = folder
        self._began = time.monotonic()
        self._seconds_max = seconds_max
        self.report = report

    @property
    def seconds_left(self) -> float:
        return self._began + self._seconds_max - time.monotonic()

    def note(self, **news: object) -> None:
        seconds = time.monotonic() - self._began
        self.report = replace(self.report, seconds=seconds, **news)  # type: ignore[arg-type]  # its own fields
        (self._folder / "report.json").write_bytes(as_json(self.report))
        (self._folder / "report.html").write_text(render(self.report), encoding="utf-8")


async def run(chosen: argparse.Namespace, notebook: Notebook) -> None:
    """Every part that was chosen, one after the other."""
    parts = [chosen.only] if chosen.only else PARTS
    scope = QUICK if chosen.quick else FULL
    console.say("A stack of its own starts ...")
    async with own_stack() as stack:
        await _fill(notebook, scope, stack.where.database_url, stack.where.cache_url)
        if "ceilings" in parts:
            await _ceilings(stack, notebook, scope)
        if "ladder" in parts:
            await _ladder(notebook, ladder.run(stack, scope.layers, scope.pace, _say_step))
        if "scenes" in parts:
            await _scenes(stack, notebook, scope)
        notebook.note(finished=True)


async def run_in_containers(chosen: argparse.Namespace, notebook: Notebook) -> None:
    """The rungs behind nginx."""
    scope = QUICK if chosen.quick else FULL
    console.say("Containers of its own are built and started ...")
    async with compose.own_containers() as containers:
        await _fill(notebook, scope, containers.database_url, None)
        await _ladder(notebook, compose.run(containers, scope.pace, _say_step))
        notebook.note(finished=True)


async def _fill(notebook: Notebook, scope: Scope, database_url: str, cache_url: str | None) -> None:
    size, said = scope.size, time.monotonic()

    def show(done: int) -> None:
        nonlocal said
        if time.monotonic() - said > _SAID_EVERY_SECONDS:
            said = time.monotonic()
            console.say(f"  {done:,} of {size.stock_items:,} stock items")

    await ground.fill(database_url, size, show)
    console.say(f"  {size.stock_items:,} stock items of {size.products:,} products, {ground.BUYERS:,} buyers")
    counted = {"stock items": size.stock_items, "products": size.products, "buyers": ground.BUYERS}
    notebook.note(versions=await machine.versions(database_url, cache_url), size=counted)


async def _ceilings(stack: Stack, notebook: Notebook, scope: Scope) -> None:
    console.say("What this machine can do at all:")
    for measured in ceilings.all_of(stack, scope.pace):
        try:
            ceiling = await measured
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            console.say(f"  one of them broke: {error}")
            continue
        console.say(f"  {ceiling.name:{NAME_WIDTH}} {ceiling.rps:7,.0f}/s")
        notebook.note(ceilings=(*notebook.report.ceilings, ceiling))


async def _ladder(notebook: Notebook, rungs: AsyncIterator[Rung]) -> None:
    console.say("The same mix, one layer more each time:")
    async for rung in rungs:
        found = rung.skipped or (f"{rung.knee_rps:7,.0f}/s" if rung.knee_rps else "no rate was within")
        console.say(f"  {rung.name:{NAME_WIDTH}} {found}")
        notebook.note(ladder=(*notebook.report.ladder, judged(rung, notebook.report.ceiling("generator"))))


def _say_step(line: str) -> None:
    console.say(f"    {line}")


async def _scenes(stack: Stack, notebook: Notebook, scope: Scope) -> None:
    console.say("What becomes of everybody when something happens:")
    for act in scope.acts:
        has_time = notebook.seconds_left > SCENE_SECONDS
        scene = await programme.perform(act, stack) if has_time else Scene(act.name, act.story, skipped="there was no time left for it")
        wrong = sum(scene.invariants.values())
        console.say(f"  {act.name:{NAME_WIDTH}} {scene.skipped or (f'{wrong} violations' if wrong else 'every counter is explained')}")
        notebook.note(scenes=(*notebook.report.scenes, scene))


def main() -> int:
    chosen = _arguments(sys.argv[1:])
    if chosen.target == "compose" and (reason := compose.missing()):
        console.say(reason)
        return 2
    folder: Path = chosen.into
    folder.mkdir(parents=True, exist_ok=True)
    notebook = Notebook(folder, _blank(), seconds_max=chosen.seconds_max)
    work = run_in_containers if chosen.target == "compose" else run
    try:
        asyncio.run(_bounded(work(chosen, notebook), chosen.seconds_max))
    except TimeoutError:
        console.say(f"The {chosen.seconds_max:.0f} s that it may take are over.")
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.say("Interrupted.")
    finally:
        notebook.note()
    console.say(f"Read {folder / 'report.html'}; the figures are in report.json beside it.")
    return 0 if notebook.report.finished else 1


async def _bounded(work: Coroutine[None, None, None], seconds: float) -> None:
    """SIGTERM and SIGHUP end it as Ctrl-C does."""
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with asyncio.timeout(seconds - _TAKEN_DOWN_SECONDS):
        await work


def _blank() -> Report:
    return Report(
        command=shlex.join(["python", "-m", "tests.load.lab", *sys.argv[1:]]),
        started_at=datetime.now(UTC),
        seconds=0.0,
        finished=False,
        versions={},
        processor=machine.processor(),
        cores=psutil.cpu_count(),
        memory_gb=psutil.virtual_memory().total / _GIB,
        size={},
    )


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load.lab", description="Measure what each layer buys, and what breaks.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data, the main rungs, one scene: three minutes")
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    parser.add_argument("--target", choices=("own", "compose"), default="own", help="processes of its own, or docker-compose.yml")
    parser.add_argument("--into", type=Path, default=FOLDER, help="the folder of the report")
    bounds = f"{FULL.seconds_max:.0f}, or {QUICK.seconds_max:.0f} with --quick"
    parser.add_argument("--seconds-max", type=float, help=f"after these it ends with what it has; {bounds}")
    chosen = parser.parse_args(words)
    chosen.seconds_max = chosen.seconds_max or (QUICK if chosen.quick else FULL).seconds_max
    return chosen


if __name__ == "__main__":
    sys.exit(main())
