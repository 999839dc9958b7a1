"""Ends what a test run started, also when the run itself was killed and could end nothing.

    python -m tests.support.leash

One process per run. It reads `+PID`, `-PID` and `/FOLDER` from a pipe that only the run holds open; when the pipe closes, for whatever
reason, it ends the process groups that are left and removes the folders.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.support.sources import ROOT

_POLITE_SECONDS = 1.0  # PostgreSQL frees its shared memory only when it is asked


class Leash:
    """The run's end of the pipe."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.leash"]
        self._keeper = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True, start_new_session=True)

    def hold(self, pid: int) -> None:
        self._write(f"+{pid}\n")

    def let_go(self, pid: int) -> None:
        self._write(f"-{pid}\n")

    def remove_in_the_end(self, folder: Path) -> None:
        self._write(f"{folder}\n")

    def close(self) -> None:
        assert self._keeper.stdin
        self._keeper.stdin.close()
        self._keeper.wait()

    def _write(self, line: str) -> None:
        assert self._keeper.stdin
        self._keeper.stdin.write(line)
        self._keeper.stdin.flush()


def main() -> None:
    held: set[int] = set()
    folders: list[str] = []
    for line in sys.stdin:
        match line[0]:
            case "+":
                held.add(int(line))
            case "-":
                held.discard(-int(line))
            case _:
                folders.append(line.rstrip("\n"))
    _signal(held, signal.SIGTERM)
    if held:
        time.sleep(_POLITE_SECONDS)
    _signal(held, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)  # a server that was killed this instant may still hold a file


def _signal(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, number)


if __name__ == "__main__":
    main()
