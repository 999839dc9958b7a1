"""Work for the processor alone, done by a process of its own that gives way to everything else.

In a thread it would share the interpreter's lock, and a thread that gives way holds the lock while it waits for a core.
"""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from services.runtime.settings import PREFIX

NICENESS = 5  # of a core that one other wants too it gets a quarter: more is felt by others, and with less nothing is done under load
ANSWER_BYTES_MAX = 4_096


class Aside:
    """Runs a Python file that answers each line with a line and ends when nobody is left to ask, from when it is first asked.

    For one thread at a time.
    """

    def __init__(self, file: str) -> None:
        self._command = [sys.executable, "-I", file]
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    def answer(self, question: str) -> str:
        """What it says. If it was killed another one is asked; if that dies too, it is not by chance: raises ConnectionError."""
        try:
            return self._try(question)
        except ConnectionError:
            self.end()
            return self._try(question)

    def end(self) -> None:
        if self._running is not None:
            process, connection = self._running
            connection.close()
            process.kill()
            process.wait()
            self._running = None

    def _try(self, question: str) -> str:
        self._running = self._running or self._start()
        _, connection = self._running
        connection.sendall(question.encode() + b"\n")
        said = connection.recv(ANSWER_BYTES_MAX)
        if not said:
            raise ConnectionResetError(f"{self._command} has died")
        return said.decode()

    def _start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """Its only end of the connection is its own: it hears when this process dies, in whatever way."""
        unsecret = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(self._command, stdin=theirs.fileno(), stdout=theirs.fileno(), env=unsecret, start_new_session=True)
        _give_way(process.pid)
        return process, ours


def _give_way(pid: int) -> None:
    """Linux weighs sessions, and only then the processes of each: so it has one of its own, which gives way too."""
    with suppress(OSError):  # it has died already, or the system weighs no sessions
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS))
