"""A terminal that is ours for a while: drawn over, and given back as it was, however the command ends short of kill -9."""

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from deploy.local import foreground

ENTER = "\x1b[?1049h\x1b[?25l"  # the other screen, without a cursor
LEAVE = "\x1b[?25h\x1b[?1049l"
HOME = "\x1b[H"
ERASE_LINE = "\x1b[K"
ERASE_BELOW = "\x1b[J"
LEAVING = {"q", "Q"}


@contextmanager
def taken() -> Iterator[None]:
    """While the terminal shows our screen and passes each key on at once. Every polite signal ends it with KeyboardInterrupt."""
    foreground.interrupt_on_signals()
    # Stopped, it would leave the shell with a screen and keys that are not the shell's.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    keys = sys.stdin.fileno() if sys.stdin.isatty() else None
    before = termios.tcgetattr(keys) if keys is not None else None
    try:
        if keys is not None:
            tty.setcbreak(keys)
        _write(ENTER)
        yield
    finally:
        _write(LEAVE)
        if keys is not None and before is not None:
            termios.tcsetattr(keys, termios.TCSADRAIN, before)


def draw(lines: Iterable[str]) -> None:
    """Over what was there, without clearing it first, which would flicker."""
    _write(HOME + "\r\n".join(f"{line}{ERASE_LINE}" for line in lines) + ERASE_BELOW)


def is_left_within(seconds: float) -> bool:
    """Wait for so long, or until the person wants to leave, which it answers."""
    deadline = time.monotonic() + seconds
    if not sys.stdin.isatty():
        time.sleep(seconds)
        return False
    while (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([sys.stdin], [], [], left)
        if ready:
            key = os.read(sys.stdin.fileno(), 1).decode(errors="replace")
            if not key or key in LEAVING:  # nothing to read: the terminal is gone
                return True
    return False


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
