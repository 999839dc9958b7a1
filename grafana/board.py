"""What a board is made of: a row asks a question, a panel answers a part of it, a query fetches the figures.

No panel has a place or a size. Those of one kind share the width of the board evenly, in the order in which they are written.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

COLUMNS = 24  # Grafana's grid

SHARE = "percentunit"
SECONDS = "s"
BYTES = "bytes"
PER_SECOND = "suffix:/s"
COUNT = "short"


class Kind(StrEnum):
    """How a panel looks, in Grafana's words."""

    FIGURE = "stat"
    CURVES = "timeseries"
    TABLE = "table"


_PER_LINE_MAX = {Kind.FIGURE: 6, Kind.CURVES: 3, Kind.TABLE: 1}  # more of them could not be read on a laptop
_HEIGHT = {Kind.FIGURE: 4, Kind.CURVES: 8, Kind.TABLE: 11}
_TITLE_HEIGHT = 1  # of a row


@dataclass(frozen=True, slots=True)
class Query:
    promql: str
    name: str = ""  # of its series, with {{label}}, or of its column in a table
    unit: str = ""  # of its column in a table


@dataclass(frozen=True, slots=True)
class Panel:
    kind: Kind
    title: str
    tells: str  # what it says, and what to do then
    queries: tuple[Query, ...]
    unit: str = COUNT
    red_from: float | None = None  # this much, or more, is trouble
    red_below: float | None = None
    is_stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    name: str
    title: str
    tells: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, in cells of the grid."""

    x: int
    y: int
    width: int
    height: int


def figure(
    title: str, tells: str, promql: str, *, unit: str = COUNT, red_from: float | None = None, red_below: float | None = None
) -> Panel:
    """One number, large."""
    return Panel(Kind.FIGURE, title, tells, (Query(promql),), unit, red_from, red_below)


def curves(
    title: str, tells: str, *queries: Query, unit: str = COUNT, red_from: float | None = None, red_below: float | None = None
) -> Panel:
    """Lines over time."""
    return Panel(Kind.CURVES, title, tells, queries, unit, red_from, red_below)


def stack(title: str, tells: str, *queries: Query, unit: str = COUNT) -> Panel:
    """Areas on top of each other, whose height is the whole."""
    return Panel(Kind.CURVES, title, tells, queries, unit, is_stacked=True)


def table(title: str, tells: str, *queries: Query) -> Panel:
    """A line for each set of labels and a column for each query; the first column's largest on top."""
    return Panel(Kind.TABLE, title, tells, queries)


def arrange(board: Board) -> Iterator[tuple[Row | Panel, Place]]:
    """Every row's title and every panel with its place, from the top to the bottom."""
    y = 0
    for row in board.rows:
        yield row, Place(0, y, COLUMNS, _TITLE_HEIGHT)
        y += _TITLE_HEIGHT
        for line in _lines(row):
            height = _HEIGHT[line[0].kind]
            edges = [round(number * COLUMNS / len(line)) for number in range(len(line) + 1)]
            for panel, left, right in zip(line, edges, edges[1:], strict=False):
                yield panel, Place(left, y, right - left, height)
            y += height


def _lines(row: Row) -> Iterator[list[Panel]]:
    """Panels that stand beside each other: of one kind, and no line much emptier than the others."""
    for kind, group in groupby(row.panels, key=lambda panel: panel.kind):
        panels = list(group)
        lines = math.ceil(len(panels) / _PER_LINE_MAX[kind])
        while panels:
            length = math.ceil(len(panels) / lines)
            yield panels[:length]
            panels, lines = panels[length:], lines - 1
