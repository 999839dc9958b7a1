"""The rungs behind nginx on the containers of docker-compose.yml: `make load TARGET=compose`.

A project of its own with ports of its own, beside whatever else runs, which is removed with its volumes at the end. What a container may
use is limited there (one core each), so these rungs are compared with one another and not with those of the local stack.
"""

import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.load.lab import costs, ground
from tests.load.lab.costs import Target
from tests.load.lab.ladder import FIRST_RPS, Pace, Say, find, warmed
from tests.load.lab.mix import Shop
from tests.load.lab.nginx import CONFIGURATION
from tests.load.lab.results import Rung
from tests.support.leash import Leash
from tests.support.program import free_port
from tests.support.sources import ROOT

PROJECT = "holdfast-lab"
APIS = ("api-1", "api-2", "api-3", "api-4")
RUNGS = {"one replica behind nginx": 1, "two replicas behind nginx": 2, "four replicas behind nginx": 4}
SUBNET = "10.213.8"  # beside that of an ordinary `docker compose up`
_FILES = ("--file", "docker-compose.yml", "--file", "tests/load/lab/compose.yaml")
_WANTED = (*APIS, "proxy", "worker", "relay", "mailpit")  # and what they depend on
_KINDS = {"cache": "valkey", "proxy": "nginx", "mailpit": "mail"} | dict.fromkeys(APIS, "api")  # others are called as their service
_SERVER = re.compile(r"^ *server api-1:8000 .*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Containers:
    """A running project."""

    environment: Mapping[str, str]
    database_url: str

    @property
    def port(self) -> int:
        return int(self.environment["PORT"])

    def target(self, replicas: int) -> Target:
        """With so many APIs running."""
        metrics = {int(self.environment[f"LAB_METRICS_{n}"]): 1 for n in range(1, replicas + 1)}
        return Target(self.port, self._pids(), metrics, self._connections)

    async def _connections(self) -> Mapping[str, int]:
        return {"postgres": await costs.sessions(self.database_url)}

    def _pids(self) -> Mapping[str, Sequence[int]]:
        found: dict[str, list[int]] = {}
        wanted = '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Pid}}'
        for line in _docker("inspect", "--format", wanted, *compose(self.environment, "ps", "--quiet").split()).splitlines():
            service, pid = line.split()
            found.setdefault(_KINDS.get(service, service), []).append(int(pid))
        return found


def missing() -> str | None:
    """Why there are no containers here, or None."""
    try:
        _docker("compose", "version")
        _docker("version")
    except (OSError, subprocess.CalledProcessError):
        return "docker with its compose plugin is not here, or its engine does not run"
    return None


async def run(containers: Containers, pace: Pace, say: Say) -> AsyncIterator[Rung]:
    """One, two and four replicas."""
    told = compose(containers.environment, "exec", "--no-TTY", "api-1", "holdfast", "load-accounts", str(ground.BUYERS))
    shop = Shop([line for line in told.splitlines() if line.startswith("eyJ")], await ground.pages(containers.target(len(APIS)).url))
    start_rps = FIRST_RPS
    leash = Leash()
    try:
        for name, replicas in RUNGS.items():
            compose(containers.environment, "up", "--detach", "--wait", "--no-recreate", "--no-deps", *APIS[:replicas])
            if replicas < len(APIS):
                compose(containers.environment, "stop", *APIS[replicas:])
            look = await warmed(containers.target(replicas), shop, pace, leash)
            rung = Rung(name, {"HOLDFAST_API_WORKERS": "1", "replicas": str(replicas), "target": "compose"})
            rung = await find(rung, look, pace, start_rps=start_rps, say=say)
            start_rps = rung.knee_rps or start_rps
            yield rung
    finally:
        leash.close()


@asynccontextmanager
async def own_containers() -> AsyncIterator[Containers]:
    """Built, started and empty but for the demo's data."""
    with tempfile.TemporaryDirectory(prefix="holdfast-lab-") as folder:
        environment = _environment(Path(folder))
        try:
            await asyncio.to_thread(compose, environment, "up", "--detach", "--wait", "--build", *_WANTED)
            password = compose(environment, "exec", "--no-TTY", "postgres", "cat", "/run/secrets/postgres/password").strip()
            yield Containers(environment, f"postgresql://holdfast:{password}@127.0.0.1:{environment['LAB_POSTGRES']}/holdfast")
        finally:
            compose(environment, "down", "--volumes", "--remove-orphans", "--timeout", "5")


def _environment(folder: Path) -> Mapping[str, str]:
    folder.chmod(0o755)  # the user of the container reads the file that lies there
    written = folder / "nginx.conf"
    written.write_text(configuration())
    ports = {name: str(free_port()) for name in ("PORT", "LAB_POSTGRES", *(f"LAB_METRICS_{n}" for n in range(1, len(APIS) + 1)))}
    return {**os.environ, **ports, "LAB_NGINX": str(written), "SUBNET": SUBNET, "TRAFFIC": "off"}


def configuration() -> str:
    """What is shipped, with as many servers as there are APIs."""
    text = CONFIGURATION.read_text()
    line = _SERVER.search(text)
    assert line, "deploy/docker/nginx.conf has no api-1 any more"
    more = "".join(line[0].replace("api-1", api) for api in APIS[2:])
    return text.replace(line[0], line[0] + more)


def compose(environment: Mapping[str, str], *words: str) -> str:
    """Run it on the project; what it printed. Its own words go to the terminal if it fails."""
    return _docker("compose", "--progress", "quiet", "--project-name", PROJECT, *_FILES, *words, environment=environment)


def _docker(*words: str, environment: Mapping[str, str] | None = None) -> str:
    """In a session of its own: Ctrl-C is for the lab, which then takes everything down in order."""
    command = ["docker", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True).stdout
