"""Watching a stack from the terminal that started it, until Ctrl-C or until something keeps dying."""

import os
import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable
from types import FrameType

from deploy.local import console
from deploy.local.environment import Stack
from deploy.local.startup import last_lines, refuse_given_up
from deploy.local.supervision import Process, Supervisor
from deploy.local.trouble import Trouble

POLL_SECONDS = 0.5
# The supervisor gives up on what dies at once; this is for what dies a little later, again and again.
DEATHS_MAX = 8
DEATHS_WINDOW_SECONDS = 60
STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_on_signals() -> None:
    """Let every polite way of ending this command stop the stack, also when a shell started it with SIGINT ignored."""
    for number in STOPPING_SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    # The first signal stops everything; make passes on a second one at once, which must not interrupt the stopping.
    ignore_signals()
    raise KeyboardInterrupt


def ignore_signals() -> None:
    for number in STOPPING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Watch:
    """Says what died and runs again. Raises Trouble when something keeps dying or the stack is gone."""

    def __init__(self, stack: Stack, supervisor: Supervisor) -> None:
        self._stack = stack
        self._supervisor = supervisor
        self._parent = os.getppid()
        self._pids: dict[str, int] = {}
        self._deaths: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=DEATHS_MAX))

    def run(self, *, while_: Callable[[], bool] = lambda: True) -> None:
        while while_():
            self.run_once()
            time.sleep(POLL_SECONDS)

    def run_once(self) -> None:
        if os.getppid() != self._parent:  # make was killed with -9: nobody is left whose Ctrl-C we could hear
            raise KeyboardInterrupt
        refuse_given_up(self._stack, self._supervisor)
        for process in self._supervisor.processes():
            known = self._pids.get(process.name)
            if process.pid and process.pid != known:
                self._pids[process.name] = process.pid
                if known is not None:
                    self._note_death(process)

    def _note_death(self, process: Process) -> None:
        console.say(f"  {console.bad(process.name)} ended and runs again as process {process.pid}; make logs NAME={process.name} shows why")
        deaths = self._deaths[process.name]
        deaths.append(time.monotonic())
        if len(deaths) == DEATHS_MAX and deaths[-1] - deaths[0] < DEATHS_WINDOW_SECONDS:
            raise Trouble(f"{process.name} died {DEATHS_MAX} times within a minute\n{last_lines(self._stack.places.log(process.name))}")
