"""How far a long task has come: a bar that moves on a terminal, a line every few seconds where the output is kept."""

import shutil
import sys
import time
from collections.abc import Callable

from deploy.local import console

BAR_WIDTH = 16  # the line fits into 80 columns then
SECONDS_BETWEEN_LINES = 5
ERASE_REST = "\x1b[K"


class Progress:
    """Told how much is done; says it. Ends by `close`, however the task ends."""

    def __init__(self, goal: int, *, unit: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._goal = goal
        self._unit = unit
        self._clock = clock
        self._began = self._said = clock()
        self._began_with: int | None = None
        self._is_moving = sys.stdout.isatty()

    def show(self, done: int) -> None:
        """The first call says what was there before."""
        now = self._clock()
        if self._began_with is None:
            self._began_with = done
        told = describe(done, self._goal, began_with=self._began_with, unit=self._unit, seconds=now - self._began)
        if self._is_moving:
            width = shutil.get_terminal_size().columns - 1
            console.say(f"\r{bar(done, self._goal)} {told}"[:width] + ERASE_REST, end="")
        elif now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            console.say(told)

    def close(self) -> None:
        if self._is_moving and self._began_with is not None:
            console.say()


def bar(done: int, goal: int) -> str:
    filled = BAR_WIDTH * done // goal
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]"


def describe(done: int, goal: int, *, began_with: int, unit: str, seconds: float) -> str:
    """In one line: percent, how many, how fast, how long still at this speed."""
    line = f"{100 * done // goal:>3} %  {done:,} of {goal:,} {unit}"
    if done == began_with or seconds <= 0:
        return line
    rate = (done - began_with) / seconds
    return f"{line}  {rate:,.0f}/s  {(goal - done) / rate:.0f} s left"
