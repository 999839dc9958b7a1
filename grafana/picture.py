"""A board's layout as a picture for docs/, light or dark as the reader's page is: what stands where, and what kind of thing it is."""

import textwrap
from collections.abc import Iterator
from html import escape

from grafana.board import COLUMNS, Board, Kind, Panel, Place, Row, arrange

_CELL_WIDTH, _CELL_HEIGHT, _GAP, _MARGIN, _HEAD = 44, 18, 4, 20, 64
_LETTER = 7  # how wide one is, of a title
_STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1e293b }
  .page { fill: #f8fafc } .panel { fill: #fff; stroke: #cbd5e1 } .board { font-size: 19px; font-weight: 700 } .story { fill: #475569 }
  .row { font-size: 13px; font-weight: 700; fill: #1d4ed8 } .number { font-size: 26px; font-weight: 300; fill: #15803d }
  .line { fill: none; stroke: #15803d; stroke-width: 1.5 } .other { stroke: #b45309 } .area { fill: #15803d; opacity: .3 }
  .over { fill: #b45309; opacity: .3 } .limit { stroke: #dc2626; stroke-dasharray: 4 4 } .rule { stroke: #cbd5e1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e2e8f0 } .page { fill: #0f172a } .panel { fill: #1e293b; stroke: #475569 } .story { fill: #94a3b8 } .row { fill: #93c5fd }
    .number { fill: #4ade80 } .line { stroke: #4ade80 } .other { stroke: #fbbf24 } .area { fill: #4ade80 } .over { fill: #fbbf24 }
    .limit { stroke: #f87171 } .rule { stroke: #475569 }
  }
"""
_CURVE = (0.75, 0.6, 0.68, 0.4, 0.5, 0.3, 0.42, 0.2, 0.3)  # how far from the top; a shape, no measurement
_OTHER = (0.9, 0.85, 0.88, 0.72, 0.8, 0.7, 0.78, 0.62, 0.7)


def draw(board: Board) -> str:
    placed = list(arrange(board))
    width = 2 * _MARGIN + COLUMNS * _CELL_WIDTH
    height = _HEAD + max(place.y + place.height for _, place in placed) * _CELL_HEIGHT + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(board.tells)}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        f'<text class="board" x="{_MARGIN}" y="30">Holdfast: {escape(board.title)}</text>',
        f'<text class="story" x="{_MARGIN}" y="50">{escape(board.tells)}</text>',
        *(part for one, place in placed for part in _draw(one, place)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _draw(one: Row | Panel, place: Place) -> Iterator[str]:
    x, y = _MARGIN + place.x * _CELL_WIDTH, _HEAD + place.y * _CELL_HEIGHT
    width, height = place.width * _CELL_WIDTH - _GAP, place.height * _CELL_HEIGHT - _GAP
    if isinstance(one, Row):
        yield f'<text class="row" x="{x}" y="{y + 13}">{escape(one.title)}</text>'
        return
    yield f'<rect class="panel" x="{x}" y="{y}" width="{width}" height="{height}" rx="4"/>'
    titles = textwrap.wrap(one.title, width // _LETTER)
    for number, line in enumerate(titles):
        yield f'<text x="{x + 9}" y="{y + 18 + 15 * number}">{escape(line)}</text>'
    top = y + 26 + 15 * (len(titles) - 1)
    sketch = {Kind.FIGURE: _figure, Kind.CURVES: _curves, Kind.TABLE: _table}[one.kind]
    yield from sketch(one, x + 9, top, width - 18, y + height - top - 9)


def _figure(panel: Panel, x: int, y: int, _: int, height: int) -> Iterator[str]:
    example = {"percentunit": "99 %", "s": "2 s"}.get(panel.unit, "0" if panel.red_from is not None else "12")
    yield f'<text class="number" x="{x}" y="{y + height}">{example}</text>'


def _curves(panel: Panel, x: int, y: int, width: int, height: int) -> Iterator[str]:
    for shape, line, area in ((_CURVE, "line", "area"), (_OTHER, "line other", "over")):
        step = width / (len(shape) - 1)
        path = " ".join(f"{x + number * step:.0f},{y + share * height:.0f}" for number, share in enumerate(shape))
        if panel.is_stacked:
            yield f'<polygon class="{area}" points="{path} {x + width},{y + height} {x},{y + height}"/>'
        elif line == "line" or len(panel.queries) > 1 or panel.queries[0].name.startswith("{{"):
            yield f'<polyline class="{line}" points="{path}"/>'
    if panel.red_from is not None or panel.red_below is not None:
        yield f'<path class="limit" d="M{x} {y + height // 8}h{width}"/>'
    yield f'<path class="rule" d="M{x} {y + height}h{width}"/>'


def _table(panel: Panel, x: int, y: int, width: int, height: int) -> Iterator[str]:
    names = ("route", "method", *(query.name for query in panel.queries))
    for number, name in enumerate(names):
        yield f'<text class="story" x="{x + number * width // len(names)}" y="{y + 12}">{escape(name)}</text>'
    for line in range(y + 20, y + height, 16):
        yield f'<path class="rule" d="M{x} {line}h{width}"/>'
