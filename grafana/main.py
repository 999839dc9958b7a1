"""`python -m grafana.main` writes what is made from the boards: Grafana's JSON, the pictures in docs/, and the list of panels."""

from collections.abc import Iterator
from pathlib import Path

from grafana import business_board, delivery_board, service_board, stores_board
from grafana.listing import list_panels
from grafana.picture import draw
from grafana.rendering import render

ROOT = Path(__file__).parents[1]
BOARDS = (service_board.BOARD, business_board.BOARD, delivery_board.BOARD, stores_board.BOARD)


def files() -> Iterator[tuple[Path, str]]:
    """What is made, and where it lies."""
    for board in BOARDS:
        yield ROOT / "grafana" / "dashboards" / f"{board.name}.json", render(board)
        yield ROOT / "docs" / "dashboards" / f"{board.name}.svg", draw(board)
    yield ROOT / "grafana" / "README.md", list_panels(BOARDS)


if __name__ == "__main__":
    for path, text in files():
        path.write_text(text, encoding="utf-8")
