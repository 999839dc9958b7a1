"""Run a command, and run it again whenever a file below a folder changes.

    python -m deploy.local.reload [--patient] FOLDER COMMAND...

When the command ends by itself this ends too, so that the supervisor starts it again. Soon after a change it waits for the next one
instead, because the cause is most likely the line that was just saved; with --patient it always does.
"""

import argparse
import math
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from watchfiles import watch

STOP_SECONDS_MAX = 5  # then it is killed: it may sit at a breakpoint, where it hears nothing
BLAMED_SECONDS = 5  # an import takes a second or two
POLL_MS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a command again whenever a file below a folder changes.")
    parser.add_argument("--patient", action="store_true", help="when the command ends by itself, wait for a change")
    parser.add_argument("folder", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    restore_terminal = terminal_restorer()
    child = subprocess.Popen(options.command)
    changed_at, is_waiting = -math.inf, False
    try:
        for changes in watch(options.folder, rust_timeout=POLL_MS, yield_on_timeout=True):
            if changes:
                say(f"{Path(min(path for _, path in changes)).name} changed, starting again")
                _stop(child)
                restore_terminal()
                child = subprocess.Popen(options.command)
                changed_at, is_waiting = time.monotonic(), False
            elif child.poll() is not None and not is_waiting:
                is_waiting = options.patient or time.monotonic() - changed_at < BLAMED_SECONDS
                if not is_waiting:
                    sys.exit(child.returncode)
                say("it ended by itself; waiting for the next change")
    except KeyboardInterrupt:
        return
    finally:
        _stop(child)
        restore_terminal()


def say(sentence: str) -> None:
    print(f"\nreload: {sentence}", file=sys.stderr, flush=True)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _stop(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def terminal_restorer() -> Callable[[], None]:
    """A debugger that is killed at its prompt leaves the terminal without echo; this puts it back as it is now."""
    if not sys.stdin.isatty():
        return lambda: None
    before = termios.tcgetattr(sys.stdin)

    def restore() -> None:
        with suppress(termios.error):  # the terminal was closed
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    return restore


if __name__ == "__main__":
    main()
