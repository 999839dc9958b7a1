"""Without these, a panel asks for what nobody counts, and is empty on the day on which somebody looks."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from grafana.board import COUNT, Board, Query, Row, arrange, curves, figure
from grafana.main import BOARDS, files
from tests.support.promql import asked_for, family, metrics_in, metrics_of_events, rules
from tests.support.sources import Source, sources

# Of the library that counts, of Prometheus itself; ours begin with inventory.
_NOT_OURS = {
    "ALERTS",
    "up",
    *(f"process_{name}" for name in ("cpu_seconds", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds")),
}
# What the code counts and no panel shows, with the reason.
_ABSENT: Mapping[str, str] = {}
_TELLS_AT_LEAST = 40  # characters; less is the title in other words


def unknown(promql: str, known: set[str]) -> set[str]:
    """What the expression asks for and nobody tells."""
    return {name for name in asked_for(promql) if family(name) not in known}


def known_metrics() -> set[str]:
    counted = {name for source in sources("services") for name in metrics_in(source)}
    return counted | metrics_of_events() | _NOT_OURS | {rule["record"] for rule in rules("record")}


def silent_panels(boards: Iterable[Board]) -> Iterator[str]:
    """Panels that do not say what they tell, or cannot be told from another of their board."""
    for board in boards:
        titles = Counter(panel.title for panel in board.panels)
        for panel in board.panels:
            if len(panel.tells) < _TELLS_AT_LEAST or titles[panel.title] > 1:
                yield f"{board.name}: {panel.title}"


def test_what_grafana_reads_is_what_the_boards_say() -> None:
    stale = [path.name for path, text in files() if path.read_text(encoding="utf-8") != text]

    assert stale == [], "make dashboards writes them anew"


def test_every_panel_asks_for_what_somebody_counts() -> None:
    known = known_metrics()
    asked = [(f"{board.name}: {panel.title}", query.promql) for board in BOARDS for panel in board.panels for query in panel.queries]

    assert [(place, missing) for place, promql in asked if (missing := unknown(promql, known))] == []


def test_everything_that_is_counted_is_on_a_panel_or_absent_for_a_reason() -> None:
    counted = {name for source in sources("services") for name in metrics_in(source)} | metrics_of_events()
    recorded = {rule["record"]: asked_for(rule["expr"]) for rule in rules("record")}
    queries = [query.promql for board in BOARDS for panel in board.panels for query in panel.queries]
    shown = {family(name) for promql in queries for asked in asked_for(promql) for name in recorded.get(asked, {asked})}

    assert counted - shown == _ABSENT.keys()


def test_every_panel_says_what_it_tells() -> None:
    assert list(silent_panels(BOARDS)) == []


def test_nothing_overlaps_and_every_line_is_full() -> None:
    for board in BOARDS:
        cells = Counter(
            (x, y)
            for _, place in arrange(board)
            for x in range(place.x, place.x + place.width)
            for y in range(place.y, place.y + place.height)
        )
        assert set(cells.values()) == {1}
        assert len(cells) == 24 * (max(y for _, y in cells) + 1)


def test_each_rule_can_be_broken() -> None:
    counting = Source("services/a.py", 'counter("inventory_seats_sold", "Seats, not inventory_chairs.", 1)')
    twins = (figure("Seats", "Too short.", "seats", unit=COUNT), curves("Seats", "Long enough to say what to do, but " * 2, Query("seats")))

    assert metrics_in(counting) == {"inventory_seats_sold"}
    assert unknown("sum(rate(inventory_seats_sold_total[1m])) / inventory_chairs", {"inventory_seats_sold"}) == {"inventory_chairs"}
    assert list(silent_panels([Board("hall", "the hall", "", (Row("", twins),))])) == ["hall: Seats", "hall: Seats"]
