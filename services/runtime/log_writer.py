"""Lines of the log on their way to whoever reads them, who may be slow or stuck: the one that logs never waits for that.

A thread writes what has gathered, some milliseconds later and many lines at once. When it cannot, lines are kept up to a
limit, and those beyond it are dropped and counted. A process that is killed loses the lines of its last moment.
"""

import atexit
import os
import stat
import threading
from collections import deque
from collections.abc import Iterator

GATHER_SECONDS = 0.05
PENDING_MAX = 10_000  # lines, some 3 MB: a reader that is behind by more has stopped
PIPE_BYTES_MAX = 4_096  # several processes share one pipe, which keeps writes apart up to this size (PIPE_BUF)
FILE_BYTES_MAX = 65_536  # after each write this thread needs the interpreter's lock again, which the event loop has to let go of
END_SECONDS_MAX = 1.0  # how long the end of the process waits for a reader that is stuck


class LogWriter:
    """Writes whole lines to a file descriptor. Not for a process that forks: its children have no such thread."""

    def __init__(self, descriptor: int) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._bytes_max = FILE_BYTES_MAX if stat.S_ISREG(os.fstat(descriptor).st_mode) else PIPE_BYTES_MAX
        self._pending: deque[bytes] = deque()  # appended to by one thread, taken from by the other: both at once are safe
        self._is_awake = False
        self._is_ending = False
        self._due = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def msg(self, line: bytes) -> None:
        """structlog calls its loggers by the name of a level, or by this one."""
        if len(self._pending) >= PENDING_MAX:
            self.dropped += 1
            return
        self._pending.append(line)
        if not self._is_awake:
            self._is_awake = True
            self._due.set()

    debug = info = warning = error = critical = msg

    def close(self) -> None:
        """Write what there is, if somebody reads it."""
        self._is_ending = True
        self._due.set()
        self._thread.join(END_SECONDS_MAX)

    def _run(self) -> None:
        pause = threading.Event()
        while not self._is_ending:
            self._due.wait()
            if not self._is_ending:
                pause.wait(GATHER_SECONDS)
            self._due.clear()
            self._is_awake = False  # what comes from now on wakes this thread again
            for chunk in self._chunks():
                self._write(chunk)

    def _chunks(self) -> Iterator[bytes]:
        """All that is pending, as many lines in each chunk as may be written at once, and at least one."""
        lines: list[bytes] = []
        size = 0
        while self._pending:
            line = self._pending.popleft()
            size += len(line) + 1
            if lines and size > self._bytes_max:
                yield b"\n".join((*lines, b""))
                lines, size = [], len(line) + 1
            lines.append(line)
        if lines:
            yield b"\n".join((*lines, b""))

    def _write(self, chunk: bytes) -> None:
        rest = chunk
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:  # nobody reads any more, and there is no other place to say so
            self.dropped += rest.count(b"\n")
