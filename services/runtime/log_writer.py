"""Lines of the log on their way to whoever reads them, who may be slow or stuck: the one that logs never waits for that.

A thread writes what has gathered, some milliseconds later and many lines at once. When it cannot, lines are kept up to a
limit, and those beyond it are dropped and counted. A process that is killed loses the lines of its last moment. The lines
of requests are made many at once too, because between two requests everything that makes a line has left the processor's caches.
"""

import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.util import Finalize
from typing import Any

GATHER_SECONDS = (
    0.2  # of the 60 us that a cached answer takes, this thread took 5 with 0.05 s and writes of 64 KiB, and 2 when it ran a tenth as often
)
PENDING_MAX = 10_000  # lines, some 3 MB: a reader that is behind by more has stopped
PIPE_BYTES_MAX = 4_096  # several processes share one pipe, which keeps writes apart up to this size (PIPE_BUF)
TOGETHER = 64  # lines that are made one after the other take half of the time; that many delay a request by a tenth of a millisecond
FILE_BYTES_MAX = 1_048_576  # after each write this thread needs the interpreter's lock again, which the event loop has to let go of
END_SECONDS_MAX = 1.0  # how long the end of the process waits for a reader that is stuck


class LogWriter:
    """Writes whole lines to a file descriptor. Not for a process that forks: its children have no such thread."""

    def __init__(self, descriptor: int, line: Callable[..., bytes] = bytes) -> None:
        """`line` makes one of what was gathered."""
        self.dropped = 0
        self._descriptor = descriptor
        self._line = line
        self._bytes_max = FILE_BYTES_MAX if stat.S_ISREG(os.fstat(descriptor).st_mode) else PIPE_BYTES_MAX
        self._gathered: deque[tuple[Any, ...]] = deque()  # appended to by one thread, taken from by the other: both at once are safe
        self._pending: deque[bytes] = deque()  # likewise; one line or several
        self._added = self._taken = 0  # lines, so far
        self._making = threading.Lock()
        self._is_awake = False
        self._due = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        Finalize(None, self.close, exitpriority=0)  # atexit forgets the workers that multiprocessing has forked

    def msg(self, line: bytes) -> None:
        """structlog calls its loggers by the name of a level, or by this one."""
        self._make_lines()
        with self._making:
            self._add((line,))
        self._wake()

    debug = info = warning = error = critical = msg

    def gather(self, *facts: Any) -> None:
        """A line that is made soon, together with others. Nothing of this may change any more."""
        self._gathered.append(facts)
        if len(self._gathered) >= TOGETHER:
            self._make_lines()
        if not self._is_awake:
            self._wake()

    def close(self) -> None:
        """Write what there is, if somebody reads it. Lines may follow, and are written when this is called again."""
        self._ending.set()
        self._due.set()
        self._thread.join(END_SECONDS_MAX)
        if not self._thread.is_alive():
            self._write_all()

    def _wake(self) -> None:
        self._is_awake = True
        self._due.set()

    def _make_lines(self) -> None:
        with self._making:  # or the other thread's could overtake those before them
            made = []
            while self._gathered:
                made.append(self._line(*self._gathered.popleft()))
            self._add(made)

    def _add(self, lines: Iterable[bytes]) -> None:
        """One thread at a time."""
        for some in _grouped(lines, self._bytes_max):
            if self._added + len(some) - self._taken > PENDING_MAX:
                self.dropped += len(some)
            else:
                self._pending.append(b"\n".join(some))
                self._added += len(some)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._due.wait()
            self._ending.wait(GATHER_SECONDS)
            self._due.clear()
            self._is_awake = False  # what comes from now on wakes this thread again
            self._write_all()

    def _write_all(self) -> None:
        self._make_lines()
        for chunks in _grouped(self._take(), self._bytes_max):
            self._write(b"\n".join((*chunks, b"")))

    def _take(self) -> Iterator[bytes]:
        while self._pending:
            lines = self._pending.popleft()
            self._taken += lines.count(b"\n") + 1
            yield lines

    def _write(self, chunk: bytes) -> None:
        rest = chunk
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:  # nobody reads any more, and there is no other place to say so
            self.dropped += rest.count(b"\n")


def _grouped(parts: Iterable[bytes], bytes_max: int) -> Iterator[list[bytes]]:
    """As many in each group as may be written at once, each with the end of its line, and at least one."""
    group: list[bytes] = []
    size = 0
    for part in parts:
        size += len(part) + 1
        if group and size > bytes_max:
            yield group
            group, size = [], len(part) + 1
        group.append(part)
    if group:
        yield group
