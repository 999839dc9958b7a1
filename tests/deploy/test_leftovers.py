"""Without these, a worker whose parent was killed keeps the port, or a stack ends the processes of its neighbour."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from deploy.local import leftovers

READY = "ready"
SLEEPS = f"import time; print({READY!r}, flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]).wait()"


class Programs:
    """Programs that carry a mark; they end with the test."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def start(self, run: Path, name: str, code: str = SLEEPS) -> "subprocess.Popen[str]":
        environ = leftovers.mark(dict(os.environ), run, name)
        program = subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self._started.append(program)
        assert program.stdout
        assert program.stdout.readline().strip() == READY
        return program

    def end(self) -> None:
        for program in self._started:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, 9)
            program.communicate()


@pytest.fixture
def programs() -> Iterator[Programs]:
    started = Programs()
    yield started
    started.end()


def found(run: Path, *names: str) -> set[int]:
    return {process.pid for process in leftovers.find(run, names or None)}


def test_only_the_processes_of_the_own_stack_are_found(programs: Programs, tmp_path: Path) -> None:
    ours = programs.start(tmp_path / "ours", "api")
    programs.start(tmp_path / "theirs", "api")

    assert found(tmp_path / "ours") == {ours.pid}


def test_they_can_be_told_apart_by_name(programs: Programs, tmp_path: Path) -> None:
    api = programs.start(tmp_path, "api")
    programs.start(tmp_path, "worker")

    assert found(tmp_path, "api") == {api.pid}


def test_a_child_is_found_after_its_parent_was_killed(programs: Programs, tmp_path: Path) -> None:
    parent = programs.start(tmp_path, "api", PARENT)
    [child] = psutil.Process(parent.pid).children()

    parent.kill()
    parent.wait()

    assert found(tmp_path) == {child.pid}


def test_this_process_and_those_it_descends_from_are_no_leftovers(tmp_path: Path) -> None:
    code = f"from pathlib import Path; from deploy.local.leftovers import find; print(find(Path({str(tmp_path)!r})))"
    inside = [sys.executable, "-c", code]
    outside = [sys.executable, "-c", f"import subprocess; subprocess.run({inside!r}, check=True)"]

    environ = leftovers.mark(dict(os.environ), tmp_path, "api")

    assert subprocess.run(outside, env=environ, check=True, capture_output=True, text=True).stdout == "[]\n"


def test_what_does_not_end_when_it_is_asked_is_killed(programs: Programs, tmp_path: Path) -> None:
    programs.start(tmp_path, "worker", DEAF)

    leftovers.end(leftovers.find(tmp_path), grace_seconds=0.1)

    assert found(tmp_path) == set()
