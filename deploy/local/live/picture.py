"""The command: a live picture on a terminal, and one printed picture anywhere else."""

import shutil
import sys
import time
from collections import defaultdict, deque

from deploy.local import console, environment, inspection, startup
from deploy.local.environment import Stack
from deploy.local.live import layout, screen
from deploy.local.live.reading import Between, Reading
from deploy.local.live.rows import Row, rows
from deploy.local.live.scraping import Scraper
from deploy.local.places import PLACES
from deploy.local.supervision import Supervisor

EVERY_SECONDS = 1
RECENT_SECONDS = 10  # over which words are averaged: a figure that jumps each second cannot be read
PLAIN_COLUMNS = 80


def show() -> None:
    """Until it is left, on a terminal; else one picture, over one second."""
    stack = environment.load(PLACES)
    supervisor = inspection.running_supervisor()
    scraper = Scraper(stack)
    try:
        if sys.stdout.isatty():
            Picture(stack, supervisor, scraper).run()
        else:
            print_once(stack, supervisor, scraper)
    finally:
        scraper.close()


def print_once(stack: Stack, supervisor: Supervisor, scraper: Scraper) -> None:
    before = scraper.read()
    inspection.say_processes(supervisor)
    startup.say_where_things_are(stack)
    console.say()
    time.sleep(EVERY_SECONDS)
    now = scraper.read()
    between = Between(before, now)
    for row in rows(between, between):
        console.say(layout.row_line(row, [], columns=PLAIN_COLUMNS))
    console.say(layout.silent_line(now.silent, of=len(now.targets), columns=PLAIN_COLUMNS))


class Picture:
    """Drawn again each second from what was read then."""

    def __init__(self, stack: Stack, supervisor: Supervisor, scraper: Scraper) -> None:
        self._stack = stack
        self._supervisor = supervisor
        self._scraper = scraper
        self._bars = layout.bars_for(sys.stdout.encoding)
        self._readings: deque[Reading] = deque([scraper.read()], maxlen=RECENT_SECONDS // EVERY_SECONDS + 1)
        self._histories: defaultdict[str, deque[float | None]] = defaultdict(lambda: deque(maxlen=layout.HISTORY_SECONDS))

    def run(self) -> None:
        with screen.taken():
            began = time.monotonic()
            while True:
                self.run_once()
                took = time.monotonic() - began
                if screen.is_left_within(EVERY_SECONDS - took % EVERY_SECONDS):
                    return

    def run_once(self) -> None:
        """Read, and draw what there is room for."""
        self._readings.append(self._scraper.read())
        said = list(rows(Between(self._readings[0], self._readings[-1]), Between(self._readings[-2], self._readings[-1])))
        for row in said:
            self._histories[row.name].append(row.figure)
        size = shutil.get_terminal_size()
        screen.draw(self._lines(said, columns=size.columns)[: size.lines])

    def _lines(self, said: list[Row], *, columns: int) -> list[str]:
        """What is further up matters more: a low terminal shows the beginning."""
        now = self._readings[-1]
        title = f"  Holdfast at {self._stack.api_url}"
        return [
            f"{title}{time.strftime('%H:%M:%S   q leaves '):>{max(0, columns - len(title))}}"[:columns],
            "",
            *layout.process_lines(self._supervisor.processes(), columns=columns),
            layout.silent_line(now.silent, of=len(now.targets), columns=columns),
            "",
            *(layout.row_line(row, [*self._histories[row.name]], columns=columns, bars=self._bars) for row in said),
        ]
