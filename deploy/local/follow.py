"""Following log files, with the name of the process before each line."""

import os
import time
from pathlib import Path
from typing import BinaryIO

from deploy.local import console

LAST_LINES = 10
POLL_SECONDS = 0.25
COLOURS = ("36", "33", "35", "34", "32", "31")


def follow(logs: dict[str, Path]) -> None:
    """Print the last lines of each log, then what is added; ends with Ctrl-C, or with whoever reads the pipe."""
    followed = [Followed(name, file, COLOURS[place % len(COLOURS)]) for place, (name, file) in enumerate(logs.items())]
    try:
        for log in followed:
            log.print_last()
        while True:
            for log in followed:
                log.print_new()
            time.sleep(POLL_SECONDS)
    except BrokenPipeError:
        console.fall_silent()


class Followed:
    """One log: survives its rotation, and prints whole lines only."""

    def __init__(self, name: str, file: Path, colour: str) -> None:
        self._prefix = console.styled(f"{name:<{console.NAME_WIDTH}} |", colour)
        self._file = file
        self._opened: BinaryIO = file.open("rb")
        self._rest = b""

    def print_last(self) -> None:
        for line in console.tail(self._file, LAST_LINES).splitlines():
            self._print(line.strip())
        self._opened.seek(0, 2)

    def print_new(self) -> None:
        self._print_added()
        if self._was_replaced():
            self._opened.close()
            self._opened = self._file.open("rb")
            self._print_added()

    def _print_added(self) -> None:
        *lines, self._rest = (self._rest + self._opened.read()).split(b"\n")
        for line in lines:
            self._print(line.decode(errors="replace"))

    def _was_replaced(self) -> bool:
        try:
            now = self._file.stat()
        except FileNotFoundError:  # between the two steps of a rotation
            return False
        return now.st_ino != os.fstat(self._opened.fileno()).st_ino or now.st_size < self._opened.tell()

    def _print(self, line: str) -> None:
        print(f"{self._prefix} {line}", flush=True)
