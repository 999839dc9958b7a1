"""Without these, each worker of the API imports everything for itself, ninety megabytes in two seconds, or outlives a stop for ever."""

from pathlib import Path

from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.leash import Leash
from tests.support.processes import Api
from tests.support.program import Program, free_port
from tests.support.settings import Where, environment

# Python imports it first in every process that it starts. It tells of each process that imports the app.
_WITNESS = """
import os, sys

class Witness:
    def find_spec(self, name, path=None, target=None):
        if name == "services.api.errors":
            print("<imported>", flush=True)

sys.meta_path.insert(0, Witness())
"""
# A worker that has only just been forked, and stays so.
_NEWBORN = """
import multiprocessing.util, os, time

def stay():
    print("<born>", flush=True)
    while True:
        time.sleep(1)

multiprocessing.util.register_after_fork(stay, lambda stay: stay())
"""


def start(database: Database, folder: Path, leash: Leash, *, first: str) -> tuple[Program, Api]:
    """Two workers, in a process that runs these lines first."""
    (folder / "sitecustomize.py").write_text(first)
    port = free_port()
    variables = environment(Where(database_url=database.url), port=str(port), api_workers="2") | {"PYTHONPATH": str(folder)}
    program = Program("services.api", environment=variables, log=folder / "api.log", leash=leash)
    return program, Api(program, port)


async def test_workers_share_what_was_imported_once_and_so_does_a_new_one(database: Database, tmp_path: Path, leash: Leash) -> None:
    program, api = start(database, tmp_path, leash, first=_WITNESS)
    await api.until_ready()
    [killed, _] = api.workers

    async def is_replaced() -> bool:
        return len(api.workers) == 2 and killed not in api.workers

    killed.kill()
    await eventually(is_replaced, within_seconds=30)
    program.kill()

    assert program.tail.count("<imported>") == 1


async def test_a_worker_that_was_born_a_moment_ago_ends_when_it_is_told_to(database: Database, tmp_path: Path, leash: Leash) -> None:
    program, _ = start(database, tmp_path, leash, first=_NEWBORN)

    async def are_born() -> bool:
        return program.tail.count("<born>") == 2

    await eventually(are_born, within_seconds=30)
    assert await program.stop(within_seconds=20) == 0
