"""The environment of every process of the stack, worked out once, before anything starts.

It is kept in `.run/environment`, so that `make token` or `make demo` find a stack that was started with other ports, and so that a
person can load it into a shell: `set -a; . .run/environment; set +a`.
"""

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from deploy.local import exporters, ports
from deploy.local.places import Places, write_private
from deploy.local.trouble import Trouble

PREFIX = "HOLDFAST_"
DATABASE = "holdfast"
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- recognised here, not listened on
SECRET_BYTES = 48
POSTGRES_PORT, REDIS_PORT = 5432, 6379  # what a URL without a port means
URLS = {
    "postgres": "HOLDFAST_DATABASE_URL",
    "broker": "HOLDFAST_BROKER_URL",
    "cache": "HOLDFAST_CACHE_URL",
    "mail": "HOLDFAST_SMTP_URL",
}
LISTENING = ("HOLDFAST_PORT", "HOLDFAST_SMTP_PORT", "HOLDFAST_MAIL_UI_PORT")
OWN = "LOCAL_STACK_RUNS"  # without the prefix: it is no setting of Holdfast


@dataclass(frozen=True, slots=True)
class Stack:
    """One installation: its places, the `HOLDFAST_` variables of its processes, and which servers it runs itself."""

    places: Places
    variables: Mapping[str, str]
    own: frozenset[str]  # of "postgres", "broker", "cache" and "mail": the others are named by a URL of the caller's

    @property
    def database_url(self) -> str:
        return self.variables["HOLDFAST_DATABASE_URL"]

    @property
    def postgres_port(self) -> int:
        return urlsplit(self.database_url).port or POSTGRES_PORT

    def redis_port(self, role: str) -> int:
        """Of the broker or the cache."""
        return urlsplit(self.variables[URLS[role]]).port or REDIS_PORT

    @property
    def smtp_port(self) -> int:
        return int(self.variables["HOLDFAST_SMTP_PORT"])

    @property
    def mailbox_port(self) -> int:
        return int(self.variables["HOLDFAST_MAIL_UI_PORT"])

    @property
    def mailbox_url(self) -> str:
        return f"http://127.0.0.1:{self.mailbox_port}"

    @property
    def api_port(self) -> int:
        return int(self.variables["HOLDFAST_PORT"])

    @property
    def api_url(self) -> str:
        """Where this machine reaches the API, whatever addresses it listens on."""
        return f"http://{_reached_at(self.variables['HOLDFAST_HOST'], self.api_port)}"

    @property
    def metrics_targets(self) -> Mapping[str, list[int]]:
        """The ports on which the processes show their metrics, by job."""
        return exporters.targets(self.variables)

    def metrics_address(self, port: int) -> str:
        return _reached_at(self.variables.get(exporters.HOST, "127.0.0.1"), port)


def _reached_at(host: str, port: int) -> str:
    """How this machine names a server that listens there."""
    address = EVERY_ADDRESS.get(host, host)
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def resolve(places: Places, environ: Mapping[str, str]) -> Stack:
    """Work out the stack from the caller's variables; each one that is set there wins."""
    wanted = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value}
    variables = _defaults() | _secrets(places) | wanted
    for name in LISTENING:
        ports.check(name, variables[name])
    own = frozenset(server for server, url in URLS.items() if url not in wanted)
    given = [int(variables[name]) for name in LISTENING]
    variables[exporters.BASE] = _metrics_base(places, variables, given)
    given += [port for theirs in exporters.targets(variables).values() for port in theirs]
    if "postgres" in own:
        port = ports.remembered(places.ports, "postgres", given=given)
        variables[URLS["postgres"]] = f"postgresql://postgres@127.0.0.1:{port}/{DATABASE}"
    for role in own & {"broker", "cache"}:
        variables[URLS[role]] = f"redis://127.0.0.1:{ports.remembered(places.ports, role, given=given)}/0"
    if "mail" in own:
        variables[URLS["mail"]] = f"smtp://127.0.0.1:{variables['HOLDFAST_SMTP_PORT']}"
    stack = Stack(places, variables, own)
    # Where links in mails lead: to where this machine reaches the API, unless the caller knows better.
    return replace(stack, variables={"HOLDFAST_PUBLIC_URL": stack.api_url, **variables})


def _metrics_base(places: Places, variables: Mapping[str, str], given: list[int]) -> str:
    """The first port for metrics: as the caller wants it, else one of this clone, which every other can follow."""
    if exporters.BASE in variables:
        ports.check_base(exporters.BASE, variables[exporters.BASE], last=exporters.RELAY)
        return variables[exporters.BASE]
    offsets = [offset for theirs in exporters.offsets(variables).values() for offset in theirs]
    return str(ports.remembered(places.ports, "metrics", given=given, offsets=offsets))


def _defaults() -> dict[str, str]:
    return {
        "HOLDFAST_HOST": "127.0.0.1",
        "HOLDFAST_PORT": "8000",
        "HOLDFAST_API_WORKERS": "2",
        "HOLDFAST_SMTP_PORT": "1025",
        "HOLDFAST_MAIL_UI_PORT": "8025",
        "HOLDFAST_LOG_FORMAT": "text",
    }


def _secrets(places: Places) -> dict[str, str]:
    """Secrets of this installation, made once: a token or a password must survive a restart."""
    names = ("HOLDFAST_TOKEN_SECRET", "HOLDFAST_PASSWORD_PEPPER")
    if not places.secrets.exists():
        made = {name: secrets.token_urlsafe(SECRET_BYTES) for name in names}
        write_private(places.secrets, json.dumps(made, indent=2) + "\n")
    known: dict[str, str] = json.loads(places.secrets.read_text(encoding="utf-8"))
    return known


def refuse_taken_ports(stack: Stack) -> None:
    listening = {"HOLDFAST_PORT": (stack.variables["HOLDFAST_HOST"], stack.api_port)}
    if "mail" in stack.own:
        listening["HOLDFAST_SMTP_PORT"] = ("127.0.0.1", stack.smtp_port)
        listening["HOLDFAST_MAIL_UI_PORT"] = ("127.0.0.1", stack.mailbox_port)
    ports.refuse_taken(listening)
    metrics = [port for theirs in stack.metrics_targets.values() for port in theirs]
    if metrics:
        ports.refuse_taken_after(exporters.BASE, metrics[0], metrics, given=[port for _, port in listening.values()])


def save(stack: Stack) -> None:
    kept = {**stack.variables, OWN: " ".join(sorted(stack.own))}
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(kept.items())]
    write_private(stack.places.environment, "".join(lines))


def load(places: Places) -> Stack:
    """The stack as it was last started here."""
    if not places.environment.exists():
        raise Trouble("the stack was never started here; make up does that")
    words = shlex.split(places.environment.read_text(encoding="utf-8"))
    variables = dict(word.split("=", 1) for word in words)
    own = frozenset(variables.pop(OWN).split())
    return Stack(places, variables, own)


def for_processes(stack: Stack) -> dict[str, str]:
    """What the processes see: the caller's environment, and ours over it. Output is unbuffered, so that a killed process has logged."""
    return {**os.environ, **stack.variables, "PYTHONUNBUFFERED": "1"}
