"""A whole Holdfast of the lab's own: PostgreSQL with fsync on, two Valkeys, a mail catcher, a worker and a relay. APIs come and go.

Everything is as shipped, but for limits and quotas, which are as high as `make up LOAD=1` sets them, and in force. Its files lie in
the folder for temporary files (TMPDIR). Nothing of it is left afterwards, also when the lab is killed: a leash sees to it.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.limits import FACTOR, MULTIPLIED
from services.runtime.settings import Settings
from tests.support.database import migrate
from tests.support.leash import Leash
from tests.support.own_postgres import FAST, OwnPostgres
from tests.support.own_valkey import OwnValkey
from tests.support.processes import Api, Processes
from tests.support.program import Program, free_port
from tests.support.scrape import free_metrics_port
from tests.support.settings import Where

AS_SHIPPED: Mapping[str, Any] = {"redis_timeout_ms": "50", "bcrypt_cost": "12"}  # where the tests' own settings differ from it
RAISED = {name: str(Settings.model_fields[name].default * FACTOR) for name in MULTIPLIED}


@dataclass(frozen=True, slots=True)
class Replica:
    """A running API."""

    api: Api
    workers: int
    metrics_port: int  # of its first worker; the others' follow

    @property
    def port(self) -> int:
        return self.api.port


@dataclass(slots=True)
class Stack:
    """Servers, and what runs before them."""

    folder: Path
    leash: Leash
    postgres: OwnPostgres
    cache: OwnValkey
    broker: OwnValkey
    where: Where
    programs: dict[str, Program]  # mail, worker, relay
    replicas: list[Replica] = field(default_factory=list)
    others: dict[str, list[int]] = field(default_factory=dict)  # pids by kind, of what a rung adds

    @asynccontextmanager
    async def api(self, *, workers: int = 2, settings: Mapping[str, str] = AS_SHIPPED) -> AsyncIterator[Replica]:
        """One more API, which is stopped at the end."""
        replica = await self.start_api(workers=workers, settings=settings)
        try:
            yield replica
        finally:
            await self.stop_api(replica)

    async def start_api(self, *, workers: int = 2, port: int | None = None, settings: Mapping[str, str] = AS_SHIPPED) -> Replica:
        """Returns when it is ready; on an earlier one's port if that is given. Settings go by `{"cache": "off"}`."""
        metrics_port = free_metrics_port()
        chosen: dict[str, Any] = {"metrics_port": str(metrics_port), **AS_SHIPPED, **RAISED, **settings}
        folder = Path(tempfile.mkdtemp(prefix="api-", dir=self.folder))
        api = await Processes(self.where, folder, self.leash).api(workers=workers, port=port, **chosen)
        replica = Replica(api, workers, metrics_port)
        self.replicas.append(replica)
        return replica

    async def stop_api(self, replica: Replica) -> None:
        """As a supervisor stops it. Does nothing if it is gone already."""
        with suppress(ValueError):
            self.replicas.remove(replica)
        if replica.api.program.is_running:
            await replica.api.program.stop()

    @property
    def pids(self) -> Mapping[str, Sequence[int]]:
        """The main processes by kind."""
        servers = {"postgres": self.postgres.pid, "valkey": self.cache.pid, "broker": self.broker.pid}
        found = {kind: [pid] for kind, pid in servers.items() if pid is not None}
        found |= {name: [program.pid] for name, program in self.programs.items()}
        return found | self.others | {"api": [replica.api.program.pid for replica in self.replicas]}


@asynccontextmanager
async def own_stack() -> AsyncIterator[Stack]:
    """Migrated and empty; its worker and relay run."""
    leash = Leash()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-lab-"))
    leash.remove_in_the_end(folder)
    try:
        postgres = OwnPostgres(folder, leash)
        try:
            yield await _start(folder, leash, postgres)
        finally:
            await postgres.stop(FAST)  # killed, it would leave its shared memory behind
    finally:
        leash.close()


async def _start(folder: Path, leash: Leash, postgres: OwnPostgres) -> Stack:
    for role in ("cache", "broker"):
        (folder / role).mkdir()
    cache, broker = OwnValkey(folder / "cache", leash, is_cache=True), OwnValkey(folder / "broker", leash)
    await postgres.until_ready()
    await cache.start()
    await broker.start()
    smtp_port = free_port()
    where = Where(database_url=postgres.url, broker_url=broker.url, cache_url=cache.url, smtp_url=f"smtp://127.0.0.1:{smtp_port}")
    migrate(where.database_url)
    options = ("--maildir", str(folder / "mail"), "--smtp-port", str(smtp_port), "--ui-port", str(free_port()))
    mail = Program("deploy.local.mailcatcher", *options, environment=dict(os.environ), log=folder / "mail.log", leash=leash)
    processes = Processes(where, folder, leash)
    programs = {"mail": mail, "worker": processes.worker(**AS_SHIPPED), "relay": processes.relay(**AS_SHIPPED)}
    return Stack(folder, leash, postgres, cache, broker, where, programs)
