"""What a person sees in the terminal while the stack starts and runs."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME_WIDTH = 12
DETAIL_WIDTH = 44
TAIL_BYTES_MAX = 65_536


def styled(text: str, code: str) -> str:
    """In colour on a terminal, plain in a file."""
    is_plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    return text if is_plain else f"\x1b[{code}m{text}\x1b[0m"


def bold(text: str) -> str:
    return styled(text, "1")


def dim(text: str) -> str:
    return styled(text, "2")


def good(text: str) -> str:
    return styled(text, "32")


def bad(text: str) -> str:
    return styled(text, "31")


def say(line: str = "", *, end: str = "\n") -> None:
    """Print, if anybody still reads: a closed terminal must not keep the stack from being stopped."""
    try:
        print(line, end=end, flush=True)
    except OSError:
        fall_silent()


def fall_silent() -> None:
    """Send what is still buffered, and all that follows, nowhere: it would fail again, at the latest when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def step(name: str, detail: str = "") -> Iterator[None]:
    """One line of progress: the name at once, the time that it took when it is done."""
    began = time.monotonic()
    say(f"  {name:<{NAME_WIDTH}} {dim(f'{detail:<{DETAIL_WIDTH}}')}", end="")
    try:
        yield
    except BaseException:
        say()
        raise
    say(f" {good(f'{time.monotonic() - began:4.1f} s')}")


def tail(file: Path, lines: int) -> str:
    """The last lines of a log, indented; empty when there is none."""
    if not file.exists():
        return ""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - TAIL_BYTES_MAX))
        last = opened.read().decode(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in last)
