"""Which processes the stack runs, in the order of their start, and how each is asked to stop."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.local.environment import Stack
from deploy.local.exporters import WORKER_CHILDREN

SERVERS = ("postgres", "broker", "cache", "mail")
SERVICES = ("api", "worker", "relay")
WATCHED = "services"  # the folder whose changes restart what runs it
# Longer than the longest thing each is allowed to finish: a request, a mail, a shutdown checkpoint.
STOP_SECONDS_MAX = 25


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    command: list[str]
    stop_signal: str = "TERM"


def of(stack: Stack, *, is_dev: bool) -> list[Program]:
    """The programs for the supervisor. In dev the API is not among them: it runs in the terminal, where breakpoint() can ask."""
    programs = [program for program in _servers(stack) if program.name in stack.own]
    programs += [Program(name, _service(name, is_dev=is_dev)) for name in SERVICES if not (is_dev and name == "api")]
    return programs


def _servers(stack: Stack) -> Iterable[Program]:
    places = stack.places
    # SIGTERM would wait for every client to leave; SIGINT ends their sessions first.
    yield Program("postgres", _module("postgres", "--data", places.data("postgres"), "--port", stack.postgres_port), stop_signal="INT")
    yield Program("broker", _module("valkey", "--data", places.data("broker"), "--port", stack.redis_port("broker")))
    yield Program("cache", _module("valkey", "--data", places.data("cache"), "--port", stack.redis_port("cache"), "--cache"))
    options = ("--maildir", places.mail, "--smtp-port", stack.smtp_port, "--ui-port", stack.mailbox_port)
    yield Program("mail", _module("mailcatcher", *options))


def _module(name: str, *options: object) -> list[str]:
    return [sys.executable, "-m", f"deploy.local.{name}", *(str(option) for option in options)]


def _service(name: str, *, is_dev: bool) -> list[str]:
    commands = {
        "api": [sys.executable, "-m", "services.api"],
        "worker": [sys.executable, "-m", "services.worker.main", f"--concurrency={WORKER_CHILDREN}"],
        "relay": [sys.executable, "-m", "services.worker.relay"],
    }
    return _reloading(commands[name]) if is_dev else commands[name]


def api_in_terminal() -> list[str]:
    """The API for a person who watches it: a crash waits for the next save instead of ending the command."""
    return _reloading(_service("api", is_dev=False), "--patient")


def _reloading(command: list[str], *options: str) -> list[str]:
    return _module("reload", *options, WATCHED, *command)
