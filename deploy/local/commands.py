"""The commands that start and stop the stack."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local import console, credentials, environment, foreground, leftovers, limits, places, programs, prometheus, readiness, startup
from deploy.local.environment import Stack
from deploy.local.places import PLACES
from deploy.local.reload import terminal_restorer
from deploy.local.supervision import Supervisor
from deploy.local.trouble import Trouble


def up(*, is_for_load: bool) -> None:
    """Run the stack until Ctrl-C."""
    with _only_one(), _started(is_dev=False, is_for_load=is_for_load) as (stack, supervisor):
        console.say("  Ctrl-C stops everything.")
        foreground.Watch(stack, supervisor).run()


def start(*, is_for_load: bool) -> None:
    """Run the stack in the background; returns when it is ready."""
    supervisor = Supervisor(PLACES)
    if supervisor.is_running() and readiness.api(environment.load(PLACES)) is None:
        console.say(f"The stack runs already at {environment.load(PLACES).api_url}; make stop stops it.")
        return
    with _only_one():
        foreground.interrupt_on_signals()
        stack = _prepare(is_for_load=is_for_load)
        try:
            _bring_up(stack, supervisor, is_dev=False)
        except BaseException:
            _stop(supervisor)
            raise
    console.say("  It runs in the background; make stop stops it.")


def dev(*, prints_sql: bool, is_for_load: bool) -> None:
    """Run the stack for someone who changes the code: the API in this terminal, everything restarted on save."""
    os.environ["HOLDFAST_API_WORKERS"] = "1"
    if prints_sql:
        os.environ["HOLDFAST_SQL"] = "on"
    restore_terminal = terminal_restorer()
    with _only_one(), _started(is_dev=True, is_for_load=is_for_load) as (stack, supervisor):
        console.say("  Saving a file restarts what runs it; breakpoint() asks in this terminal. Ctrl-C stops everything.\n")
        marked = leftovers.mark(environment.for_processes(stack), PLACES.run, "api")
        api = subprocess.Popen(programs.api_in_terminal(), cwd=places.ROOT, env=marked)
        try:
            foreground.Watch(stack, supervisor).run(while_=lambda: api.poll() is None)
            raise Trouble(f"the API ended with exit status {api.returncode}")
        finally:
            _wait_for(api)
            restore_terminal()


def _wait_for(process: "subprocess.Popen[bytes]") -> None:
    """Ctrl-C in the terminal has reached the process as well: let it finish in peace."""
    foreground.ignore_signals()
    process.terminate()
    try:
        process.wait(programs.STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()


def stop() -> None:
    supervisor = Supervisor(PLACES)
    if not supervisor.is_running() and not leftovers.find(PLACES.run):
        console.say("The stack does not run here.")
        return
    supervisor.shut_down()
    console.say("Stopped.")


def down_hard(*, is_agreed: bool) -> None:
    """Stop the stack and remove its data, mails, accounts and secrets."""
    if not PLACES.run.exists():
        console.say("There is nothing to remove.")
        return
    if not is_agreed:
        _ask(f"Remove {PLACES.run} with all data of this stack: database, mails, accounts, secrets? Type yes: ")
    supervisor = Supervisor(PLACES)
    if supervisor.is_running() or leftovers.find(PLACES.run):
        supervisor.shut_down()
    try:
        shutil.rmtree(PLACES.run)
    except PermissionError:
        raise Trouble(
            f"something in {PLACES.run} belongs to another user, probably root; run it once more with: sudo make down-hard"
        ) from None
    console.say(f"Removed {PLACES.run}.")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise Trouble("nobody is here to ask; make down-hard YES=1 removes the data without asking")
    if input(question).strip().lower() != "yes":
        raise Trouble("nothing was removed")


@contextmanager
def _only_one() -> Iterator[None]:
    """Two of these commands at once in one clone would take each other's processes for leftovers."""
    places.prepare(PLACES)
    with PLACES.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(
                "the stack of this clone is started or watched by another command already; make status shows it, make stop stops it"
            ) from None
        yield


@contextmanager
def _started(*, is_dev: bool, is_for_load: bool) -> Iterator[tuple[Stack, Supervisor]]:
    """A running stack, which is stopped at the end, whatever the end is."""
    foreground.interrupt_on_signals()
    supervisor = Supervisor(PLACES)
    stack = _prepare(is_for_load=is_for_load)
    try:
        _bring_up(stack, supervisor, is_dev=is_dev)
        yield stack, supervisor
    finally:
        _stop(supervisor)


def _stop(supervisor: Supervisor) -> None:
    foreground.ignore_signals()
    console.say("\nStopping ...")
    began = time.monotonic()
    supervisor.shut_down()
    console.say(f"Stopped in {time.monotonic() - began:.1f} s; no process is left.")


def _prepare(*, is_for_load: bool) -> Stack:
    """Everything that can refuse before anything runs."""
    if Supervisor(PLACES).is_running():
        raise Trouble("the stack runs already in this clone; make status shows it, make stop stops it")
    orphans = leftovers.find(PLACES.run)
    if orphans:
        leftovers.end(orphans)
        console.say(f"Ended {len(orphans)} processes that an earlier run left behind.")
    stack = environment.resolve(PLACES, limits.multiply(os.environ) if is_for_load else os.environ)
    environment.refuse_taken_ports(stack)
    environment.save(stack)
    prometheus.write(stack)
    return stack


def _bring_up(stack: Stack, supervisor: Supervisor, *, is_dev: bool) -> None:
    began = time.monotonic()
    console.say(f"Holdfast starts in {places.ROOT}")
    accounts = credentials.load_or_create(PLACES.credentials)
    startup.bring_up(stack, supervisor, programs.of(stack, is_dev=is_dev), is_dev=is_dev)
    console.say(console.good(f"Ready in {time.monotonic() - began:.1f} s."))
    startup.say_where_things_are(stack)
    startup.say_accounts(stack, accounts)
