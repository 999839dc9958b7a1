"""Without this, a busy machine kills each worker of the API before it has started, again and again."""

from pathlib import Path

from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.leash import Leash
from tests.support.program import Program, free_port
from tests.support.settings import Where, environment

# Python imports it first in every process. It tells how many threads there are when the app is imported: one of them answers pings.
_WITNESS = """
import sys, threading

class Witness:
    def find_spec(self, name, path=None, target=None):
        if name == "services.api.errors" and "--multiprocessing-fork" in sys.orig_argv:
            print(f"<{threading.active_count()} threads>", flush=True)

sys.meta_path.insert(0, Witness())
"""


async def test_a_worker_answers_its_supervisor_while_it_imports_the_app(database: Database, tmp_path: Path, leash: Leash) -> None:
    (tmp_path / "sitecustomize.py").write_text(_WITNESS)
    variables = environment(Where(database_url=database.url), port=str(free_port()), api_workers="2") | {"PYTHONPATH": str(tmp_path)}
    program = Program("services.api", environment=variables, log=tmp_path / "api.log", leash=leash)

    async def have_both_begun() -> bool:
        return program.tail.count("threads>") == 2

    await eventually(have_both_begun, within_seconds=30)
    program.kill()

    assert program.tail.count("<2 threads>") == 2
