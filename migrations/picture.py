"""The schema as a picture, drawn from the tables: `python -m migrations.picture` writes docs/schema.svg.

A feature is a colour, a table a box, a foreign key a line from the column that refers to the box that it refers to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.dialects import postgresql

from migrations.schema import EVERYTHING

PICTURE = Path(__file__).parents[1] / "docs" / "schema.svg"

# Tables from left to right and from top to bottom, so that most lines are short.
_ARRANGEMENT = (
    ("products", "warehouses"),
    ("stock_items", "stock_levels", "low_stock"),
    ("stock_movements", "reservation_lines", "outbox"),
    ("reservations", "idempotency_keys", "turns"),
    ("accounts", "notifications", "crossings", "signing_keys"),
    ("sessions", "refresh_tokens", "mail_tokens", "revocations", "audit_events"),
)
_COLOURS = {
    "accounts": "#7c3aed",
    "catalog": "#0369a1",
    "stock": "#15803d",
    "reservations": "#b45309",
    "notifications": "#be123c",
    "runtime": "#475569",
}
_FEATURES = {
    "accounts": ("accounts", "sessions", "refresh_tokens", "mail_tokens", "revocations", "signing_keys", "audit_events"),
    "catalog": ("products", "warehouses"),
    "stock": ("stock_items", "stock_levels", "low_stock", "stock_movements"),
    "reservations": ("reservations", "reservation_lines"),
    "notifications": ("notifications", "crossings"),
    "runtime": ("idempotency_keys", "outbox", "turns"),
}
_WIDTH, _GAP, _ROW, _HEAD, _MARGIN = 236, 76, 19, 30, 24
_STYLE = """
  text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #0f172a }
  .name { font-weight: 700; font-size: 13px; fill: #fff } .type { fill: #64748b; text-anchor: end } .key { font-weight: 700 }
  .box { fill: #fff; stroke: #cbd5e1 } .line { fill: none; stroke-width: 1.5; opacity: .75 } .legend { font-size: 12px }
"""


@dataclass(frozen=True, slots=True)
class Box:
    table: Table
    colour: str
    x: int
    y: int

    @property
    def height(self) -> int:
        return _HEAD + _ROW * len(self.table.columns) + 8

    def row(self, column: Column[object]) -> int:
        """The height at which the column stands."""
        return self.y + _HEAD + _ROW * list(self.table.columns).index(column) + 11


def draw(metadata: MetaData) -> str:
    """The picture of all tables. A table that has no place yet is refused."""
    boxes = _arrange(metadata)
    missing = metadata.tables.keys() - boxes.keys()
    if missing:
        raise ValueError(f"give a place in migrations/picture.py to: {', '.join(sorted(missing))}")
    width = 2 * _MARGIN + len(_ARRANGEMENT) * _WIDTH + (len(_ARRANGEMENT) - 1) * _GAP
    height = max(box.y + box.height for box in boxes.values()) + 48
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="The tables of Holdfast">',
        f"<style>{_STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#f8fafc"/>',
        *(line for box in boxes.values() for line in _lines(box, boxes)),
        *(part for box in boxes.values() for part in _box(box)),
        *_legend(height - 22),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _arrange(metadata: MetaData) -> Mapping[str, Box]:
    colours = {table: _COLOURS[feature] for feature, tables in _FEATURES.items() for table in tables}
    boxes = {}
    for number, names in enumerate(_ARRANGEMENT):
        y = _MARGIN
        for name in names:
            boxes[name] = Box(metadata.tables[name], colours[name], _MARGIN + number * (_WIDTH + _GAP), y)
            y += boxes[name].height + 34
    return boxes


def _box(box: Box) -> Iterator[str]:
    yield f'<rect class="box" x="{box.x}" y="{box.y}" width="{_WIDTH}" height="{box.height}" rx="6"/>'
    yield f'<path d="M{box.x} {box.y + _HEAD - 6}v-18q0 -6 6 -6h{_WIDTH - 12}q6 0 6 6v18z" fill="{box.colour}"/>'
    yield f'<text class="name" x="{box.x + 10}" y="{box.y + 17}">{escape(box.table.name)}</text>'
    for column in box.table.columns:
        y = box.row(column) + 4
        kind = "key" if column.primary_key else "column"
        refers = " →" if column.foreign_keys else ""
        yield f'<text class="{kind}" x="{box.x + 10}" y="{y}">{escape(column.name)}{refers}</text>'
        yield f'<text class="type" x="{box.x + _WIDTH - 10}" y="{y}">{_type(column)}</text>'


def _type(column: Column[object]) -> str:
    name = column.type.compile(dialect=postgresql.dialect()).lower()  # type: ignore[no-untyped-call]
    return name.replace("timestamp with time zone", "timestamptz").replace("integer", "int") + ("?" if column.nullable else "")


def _lines(box: Box, boxes: Mapping[str, Box]) -> Iterator[str]:
    for column in box.table.columns:
        for key in column.foreign_keys:
            target = boxes[key.column.table.name]
            start, end = box.row(column), target.row(key.column)
            if box.x == target.x:  # out on the left and in again
                path = f"M{box.x} {start}c-34 0 -34 {end - start} 0 {end - start}"
            else:
                to_left = target.x < box.x
                x, to_x = (box.x, target.x + _WIDTH) if to_left else (box.x + _WIDTH, target.x)
                bend = -48 if to_left else 48
                path = f"M{x} {start}C{x + bend} {start} {to_x - bend} {end} {to_x} {end}"
            yield f'<path class="line" d="{path}" stroke="{target.colour}"/>'


def _legend(y: int) -> Iterator[str]:
    x = _MARGIN
    for feature, colour in _COLOURS.items():
        yield f'<rect x="{x}" y="{y - 10}" width="12" height="12" rx="3" fill="{colour}"/>'
        yield f'<text class="legend" x="{x + 18}" y="{y}">{feature}</text>'
        x += 40 + 8 * len(feature)
    signs = "bold: the primary key · → refers to the table at the end of its line · ? may be null"
    yield f'<text class="legend" x="{x + 24}" y="{y}">{signs}</text>'


if __name__ == "__main__":
    PICTURE.write_text(draw(EVERYTHING), encoding="utf-8")
