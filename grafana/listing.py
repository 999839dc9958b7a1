"""Every panel with what it asks for and what it tells, as a page: grafana/README.md."""

import re
from collections.abc import Iterator, Sequence

from grafana.board import Board, Panel

_METRIC = re.compile(r"\b(inventory[\w:]+|process_\w+|up|ALERTS)\b(?=[{\[) ]|$)")
_OF_A_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")
_HEAD = """# The boards

Four boards for Grafana, generated from the Python in this folder; [docs/observing.md](../docs/observing.md) says how to read them,
in the order of an incident. `make dashboards` writes `dashboards/*.json`, the pictures in `docs/dashboards/` and this page;
`make dashboards-check` holds the JSON to Grafana's own types ([schema.ts](schema.ts)), and the tests hold every query to the metrics
that the code has.

[board.py](board.py) says what a board is made of, [promql.py](promql.py) has the shapes of our queries, and each board is a file that
reads like its table of contents. Provisioning asks for two variables: `PROMETHEUS_URL`, and `HOLDFAST_DASHBOARDS`, the folder with
the JSON. `inventory:…` are recorded by [objectives.yml](../deploy/monitoring/rules/objectives.yml).
"""


def list_panels(boards: Sequence[Board]) -> str:
    return "\n".join([_HEAD, *(line for board in boards for line in _of_board(board))])


def _of_board(board: Board) -> Iterator[str]:
    yield f"## {board.title[0].upper()}{board.title[1:]}\n\n{board.tells}\n"
    for row in board.rows:
        yield f"### {row.title}\n\n| panel | asks for | tells |\n|---|---|---|"
        yield from (f"| {panel.title} | {', '.join(f'`{name}`' for name in _metrics(panel))} | {panel.tells} |" for panel in row.panels)
        yield ""


def _metrics(panel: Panel) -> Sequence[str]:
    named = (name for query in panel.queries for name in _METRIC.findall(query.promql))
    return list(dict.fromkeys(_OF_A_HISTOGRAM.sub("", name) for name in named))
