"""Bringing the stack up, step by step, and what is said about it."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local import console, readiness
from deploy.local.credentials import ROLES, Credentials
from deploy.local.environment import Stack, for_processes
from deploy.local.programs import SERVERS, Program
from deploy.local.supervision import GIVEN_UP, Supervisor
from deploy.local.trouble import Trouble

Probe = Callable[[Stack], str | None]

PROBES: Mapping[str, Probe] = {
    "postgres": readiness.postgres,
    "broker": readiness.broker,
    "cache": readiness.cache,
    "mail": readiness.mail,
}
READY_SECONDS_MAX = 60  # a cold, busy machine; a usual start takes 1 to 3
PREPARE_SECONDS_MAX = 120
POLL_SECONDS = 0.05
SETTLED_SECONDS = 2  # counted in whole ones, so it is one at least
TAIL_LINES = 20


def bring_up(stack: Stack, supervisor: Supervisor, programs: list[Program], *, is_dev: bool) -> None:
    """Start everything in order; returns when the API is ready. Raises Trouble with the last log lines of what failed."""
    with console.step("supervisor", "logs in .run/log"):
        supervisor.launch(stack, programs)
    names = [program.name for program in programs]
    # All servers at once, then each is waited for: they do not depend on each other.
    supervisor.start(name for name in names if name in SERVERS)
    for name in SERVERS:
        if name in stack.own:
            with console.step(name, _where(stack, name)):
                wait_ready(stack, supervisor, name, PROBES[name])
    if not is_dev:
        supervisor.start(["api"])  # it loads while the schema is brought to head, and is ready only then
    prepare(stack)
    supervisor.start(["worker", "relay"])
    if not is_dev:
        with console.step("api", stack.api_url):
            wait_ready(stack, supervisor, "api", readiness.api)
    with console.step("worker", "and the relay"):
        wait_settled(stack, supervisor)


def _where(stack: Stack, name: str) -> str:
    match name:
        case "postgres":
            return f"127.0.0.1:{stack.postgres_port}"
        case "broker" | "cache":
            return f"127.0.0.1:{stack.redis_port(name)}"
        case _:
            return f"127.0.0.1:{stack.smtp_port}, mailbox on {stack.mailbox_port}"


def prepare(stack: Stack) -> None:
    """Bring the schema to head and add the demo data. Neither changes anything the second time."""
    with console.step("migrations", "schema at head"):
        _run(stack, "migrations", [sys.executable, "-m", "services.cli.main", "migrate"])
    with console.step("demo data", "accounts, products, stock, orders"):
        _run(stack, "demo data", [sys.executable, "-m", "deploy.local.seed"])


def _run(stack: Stack, name: str, command: list[str]) -> None:
    log = stack.places.log(name.replace(" ", "-"))
    with log.open("wb") as output:
        try:
            subprocess.run(
                command,
                cwd=stack.places.run.parent,
                env=for_processes(stack),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=PREPARE_SECONDS_MAX,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise Trouble(f"{name} failed with exit status {error.returncode}\n{last_lines(log)}") from None
        except subprocess.TimeoutExpired:
            raise Trouble(f"{name} took longer than {PREPARE_SECONDS_MAX} s\n{last_lines(log)}") from None


def wait_ready(stack: Stack, supervisor: Supervisor, name: str, probe: Probe) -> None:
    """Returns when the probe finds nothing missing. Gives up when the supervisor does, or at a deadline."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while (missing := probe(stack)) is not None:
        refuse_given_up(stack, supervisor)
        if time.monotonic() > deadline:
            raise Trouble(f"{name} is not ready after {READY_SECONDS_MAX} s: {missing}\n{last_lines(stack.places.log(name))}")
        time.sleep(POLL_SECONDS)


def wait_settled(stack: Stack, supervisor: Supervisor) -> None:
    """Returns when every process has stayed up for a while: what listens nowhere cannot be asked whether it is ready."""
    while any(process.up_seconds < SETTLED_SECONDS for process in supervisor.processes()):
        refuse_given_up(stack, supervisor)
        time.sleep(POLL_SECONDS)


def refuse_given_up(stack: Stack, supervisor: Supervisor) -> None:
    """Raise Trouble when a process died so often that the supervisor stopped trying."""
    for process in supervisor.processes():
        if process.state == GIVEN_UP:
            raise Trouble(f"{process.name} keeps dying: {process.trouble}\n{last_lines(stack.places.log(process.name))}")


def last_lines(log: Path) -> str:
    return f"  the last lines of {log}:\n{console.tail(log, TAIL_LINES)}"


def say_where_things_are(stack: Stack) -> None:
    mails = (
        f"{stack.mailbox_url}   (mails are caught on port {stack.smtp_port})"
        if "mail" in stack.own
        else "HOLDFAST_SMTP_URL is set: mails go there"
    )
    places = {
        "API": stack.api_url,
        "Docs page": f"{stack.api_url}/docs",
        "Mailbox": mails,
        "Database": stack.database_url if "postgres" in stack.own else "HOLDFAST_DATABASE_URL is set: that one",
        "Metrics": _where_metrics_are(stack),
        "Logs": f"{stack.places.logs}   (make logs)",
    }
    console.say()
    for name, place in places.items():
        console.say(f"  {name:<{console.NAME_WIDTH}} {console.bold(place)}")


def _where_metrics_are(stack: Stack) -> str:
    ports = [port for theirs in stack.metrics_targets.values() for port in theirs]
    if not ports:
        return "HOLDFAST_METRICS_PORT is 0: there are none"
    return f"http://{stack.metrics_address(ports[0])}/metrics   (and {len(ports) - 1} more: {stack.places.prometheus}; make status)"


def say_accounts(stack: Stack, credentials: Credentials) -> None:
    console.say()
    console.say(f"  Demo accounts, kept in {stack.places.credentials}")
    for role in ROLES:
        login = credentials.of(role)
        console.say(f"  {role:<{console.NAME_WIDTH}} {console.bold(login.email)}   {login.password}")
    console.say()
