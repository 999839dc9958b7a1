"""The picture as lines of text that fit the terminal, readable without colour: a bad row begins with an exclamation mark."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise, zip_longest

from deploy.local import console
from deploy.local.live.rows import Row
from deploy.local.supervision import Process

NAME_WIDTH = 10
TEXT_WIDTH = 48
MARKED = "! "
UNMARKED = "  "
COURSE_MIN = 8  # columns; below that a course says nothing
HISTORY_SECONDS = 60
BARS = " ▁▂▃▄▅▆▇█"
BARS_OF_ASCII = " .:-=+*#@"  # where the terminal knows no others


def row_line(row: Row, history: Sequence[float | None], *, columns: int, bars: str = BARS) -> str:
    """One row: its mark, name and words, and at the right how its figure went in the last minute."""
    words = f"{MARKED if row.is_bad else UNMARKED}{row.name:<{NAME_WIDTH}} {row.text:<{TEXT_WIDTH}} "
    width = min(columns - len(words), HISTORY_SECONDS)
    is_drawn = row.figure is not None and width >= COURSE_MIN
    line = (words + (course(history, width=width, bars=bars) if is_drawn else ""))[:columns].rstrip()
    return console.bad(line) if row.is_bad else line


def course(history: Sequence[float | None], *, width: int, bars: str = BARS) -> str:
    """The last minute in so many characters, the latest at the right: each the highest of its seconds, beside the highest of all."""
    padded = [None] * (HISTORY_SECONDS - len(history)) + list(history[-HISTORY_SECONDS:])
    edges = [round(place * HISTORY_SECONDS / width) for place in range(width + 1)]
    highest = [max((value for value in padded[start:end] if value is not None), default=0.0) for start, end in pairwise(edges)]
    top = max(highest)
    # What is not 0 is seen, however small it is.
    return "".join(bars[max(1, round(value / top * (len(bars) - 1)))] if value > 0 else bars[0] for value in highest)


def process_lines(processes: Sequence[Process], *, columns: int) -> list[str]:
    """Two columns of processes, read downwards."""
    half = (len(processes) + 1) // 2
    pairs = zip_longest(processes[:half], processes[half:])
    return ["".join(_process(process, columns // 2) for process in pair if process)[:columns].rstrip() for pair in pairs]


def _process(process: Process, width: int) -> str:
    mark = UNMARKED if process.is_running else MARKED
    age = timedelta(seconds=process.up_seconds) if process.pid else process.trouble
    return f"{mark}{process.name:<{NAME_WIDTH}}{process.state.lower():<9}{process.pid or '-':>8}  {age}"[:width].ljust(width)


def silent_line(silent: Sequence[str], *, of: int, columns: int) -> str:
    """Who of so many does not show metrics."""
    if not of:
        return f"{UNMARKED}{'metrics':<{NAME_WIDTH}} HOLDFAST_METRICS_PORT is 0: there are none"[:columns]
    if not silent:
        return f"{UNMARKED}{'metrics':<{NAME_WIDTH}} all {of} ports answer"
    return console.bad(f"{MARKED}{'metrics':<{NAME_WIDTH}} {of - len(silent)} of {of} ports answer; silent: {', '.join(silent)}"[:columns])


def bars_for(encoding: str | None) -> str:
    try:
        BARS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return BARS_OF_ASCII
    return BARS
