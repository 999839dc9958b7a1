"""Without this, who interrupts the load lab has no report, and a PostgreSQL that eats the machine."""

import asyncio
import os
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.load.lab.results import from_json
from tests.support.eventually import eventually
from tests.support.leash import Leash
from tests.support.program import Program


async def test_an_interrupted_run_writes_what_it_has_and_leaves_nothing_behind(tmp_path: Path, leash: Leash) -> None:
    files, report = tmp_path / "files", tmp_path / "report"
    files.mkdir()
    options = ("--quick", "--only", "ladder", "--into", str(report))
    lab = Program("tests.load.lab", *options, environment={**os.environ, "TMPDIR": str(files)}, log=tmp_path / "log", leash=leash)

    async def has_postgres() -> bool:
        assert lab.is_running, lab.tail
        return any(files.glob("holdfast-lab-*/postgres/cluster/postmaster.pid"))

    await eventually(has_postgres, within_seconds=30)
    started = [process.pid for process in psutil.process_iter() if _writes_to(process, files)]
    lab.terminate()

    assert await asyncio.wait_for(lab.ended(within_seconds=30), 30) == 1
    assert started
    assert [pid for pid in started if psutil.pid_exists(pid)] == []
    assert list(files.iterdir()) == []
    assert not from_json((report / "report.json").read_bytes()).finished
    assert "<html" in (report / "report.html").read_text()


def _writes_to(process: psutil.Process, folder: Path) -> bool:
    try:
        return bool(process.environ().get("TMPDIR") == str(folder))
    except psutil.Error:
        return False
