"""Without these, what works aside takes the cores from everybody else, or goes on when nobody waits for it, or dies once and for all."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from services.runtime.aside import NICENESS, Aside
from services.runtime.settings import PREFIX
from tests.support.sources import ROOT

ECHO = """
import sys
for line in sys.stdin:
    sys.stdout.write(line)
    sys.stdout.flush()
"""
DIES_ONCE = f"""
import os, pathlib, signal, sys
once = pathlib.Path(sys.argv[0] + ".once")
if not once.exists():
    sys.stdin.readline()
    once.touch()
    os.kill(os.getpid(), signal.SIGKILL)
{ECHO}
"""
ASK_AND_STAY = """
import signal, sys
from services.runtime.aside import Aside
aside = Aside(sys.argv[1])
print(aside.answer("x"), flush=True)
signal.pause()
"""

Start = Callable[[str], Aside]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started = []

    def begin(code: str) -> Aside:
        file = tmp_path / "aside.py"
        file.write_text(code)
        started.append(Aside(str(file)))
        return started[-1]

    yield begin
    for aside in started:
        aside.end()


def those_of(file: Path, parent: int | None = None) -> list[psutil.Process]:
    return [child for child in psutil.Process(parent).children() if str(file) in child.cmdline()]


def runs(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)  # in a container nobody may collect it


def weight_of_session(process: psutil.Process) -> str | None:
    """None where the system does not weigh sessions."""
    says = Path(f"/proc/{process.pid}/autogroup")  # "/autogroup-60 nice 5"
    return says.read_text().partition(" ")[2].strip() if says.exists() else None


def test_one_process_answers_from_the_first_question_until_the_end(start: Start, tmp_path: Path) -> None:
    aside = start(ECHO)
    assert those_of(tmp_path / "aside.py") == []

    assert [aside.answer("one"), aside.answer("zwölf")] == ["one\n", "zwölf\n"]
    [process] = those_of(tmp_path / "aside.py")
    aside.end()

    assert not runs(process)


def test_it_gives_way_to_everything_else(start: Start, tmp_path: Path) -> None:
    start(ECHO).answer("x")

    [process] = those_of(tmp_path / "aside.py")
    assert process.nice() == min(os.nice(0) + NICENESS, 19)
    assert os.getsid(process.pid) == process.pid  # in a session of others it would take what is theirs
    assert weight_of_session(process) in {f"nice {NICENESS}", None}


def test_it_is_told_no_setting(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}PASSWORD_PEPPER", "a pepper")
    start(ECHO).answer("x")

    [process] = those_of(tmp_path / "aside.py")
    assert [name for name in process.environ() if name.startswith(PREFIX)] == []


def test_one_that_was_killed_is_replaced_and_nobody_notices(start: Start, tmp_path: Path) -> None:
    aside = start(ECHO)
    aside.answer("x")
    [killed] = those_of(tmp_path / "aside.py")
    killed.kill()

    assert aside.answer("x") == "x\n"
    assert not runs(killed)


def test_one_that_is_killed_at_its_work_is_replaced_too(start: Start) -> None:
    assert start(DIES_ONCE).answer("x") == "x\n"


def test_one_that_always_dies_is_no_accident(start: Start) -> None:
    with pytest.raises(ConnectionError):
        start("raise SystemExit").answer("x")


def test_it_dies_with_whoever_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "aside.py"
    file.write_text(ECHO)
    parent = subprocess.Popen([sys.executable, "-c", ASK_AND_STAY, str(file)], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"x\n"
        [process] = those_of(file, parent.pid)
    finally:
        parent.kill()
        parent.communicate()

    psutil.wait_procs([process], timeout=10)
    assert not runs(process)
