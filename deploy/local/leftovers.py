"""Finding processes of this stack that outlived the one that started them.

A parent that is killed with -9 cannot stop its children: the API's workers would go on holding the port, and a supervisor's
processes would go on running. Each process carries in its environment which stack it belongs to and as what, its children inherit
that, and so they can be found without a parent.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

STACK = "LOCAL_STACK"
PROCESS = "LOCAL_STACK_PROCESS"
GRACE_SECONDS = 4  # a database may have a checkpoint to write
ORPHAN_GRACE_SECONDS = 1  # enough to finish a request; the restart waits for it, and must be done within 5 seconds
POLL_SECONDS = 0.02


def mark(environ: dict[str, str], run: Path, name: str) -> dict[str, str]:
    return {**environ, STACK: str(run), PROCESS: name}


def find(run: Path, names: Iterable[str] | None = None) -> list[psutil.Process]:
    """The processes of this stack, or those of some of its names; never this one or one that it descends from."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    wanted = None if names is None else set(names)
    return [process for process in psutil.process_iter() if process.pid not in own and _belongs(process, run, wanted)]


def _belongs(process: psutil.Process, run: Path, names: set[str] | None) -> bool:
    try:
        environ = process.environ()
    except (psutil.Error, OSError):  # gone, or somebody else's
        return False
    return environ.get(STACK) == str(run) and (names is None or environ.get(PROCESS) in names)


def end(processes: list[psutil.Process], *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Stop them, gently first; returns when none runs."""
    for how in ("terminate", "kill"):
        for process in processes:
            with suppress(psutil.Error):  # it ended by itself
                getattr(process, how)()
        deadline = time.monotonic() + grace_seconds
        while (processes := [process for process in processes if _runs(process)]) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)


def _runs(process: psutil.Process) -> bool:
    """A dead process may stay listed for long, because the init of a container collects nobody: it holds no port and no file."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
