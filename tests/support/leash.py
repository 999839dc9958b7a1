"""Ends what a test run started, also when the run itself was killed and could end nothing.

    python -m tests.support.leash

One process per run. It reads `+PID` and `-PID` from a pipe that only the run holds open; when the pipe closes, for whatever reason,
it ends the process groups that are left.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

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
    for line in sys.stdin:
        (held.add if line.startswith("+") else held.discard)(int(line[1:]))
    _signal(held, signal.SIGTERM)
    if held:
        time.sleep(_POLITE_SECONDS)
    _signal(held, signal.SIGKILL)


def _signal(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, number)


if __name__ == "__main__":
    main()
