"""A scene second by second: what became of the requests, how long they took, and what was done meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.load.lab.report.scales import Place, Tick, decades_up_to, linear, logarithmic, steps_up_to
from tests.load.lab.results import Mark, Scene, Second

LATENCY_TOP_MS = 1_000  # so that scenes in which nothing was slow look alike
HEADROOM = 1.1  # so that the line of what was asked is no edge of the picture


@dataclass(frozen=True, slots=True)
class Curve:
    kind: str  # its class in the style
    path: str


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    ticks: Sequence[Tick]
    curves: Sequence[Curve]


@dataclass(frozen=True, slots=True)
class Pin:
    """A mark, where it stands."""

    number: int
    share: float
    mark: Mark


@dataclass(frozen=True, slots=True)
class Timeline:
    """Of one class of clients. Its panels share the seconds."""

    client: str
    length: int
    seconds: Sequence[Second]
    panels: Sequence[Panel]
    ticks: Sequence[Tick]
    pins: Sequence[Pin]


def timelines(scene: Scene) -> Sequence[Timeline]:
    """One for each class of clients, all of the same length."""
    if not scene.timeline:
        return []
    length = int(max(second.at_s for second in scene.timeline)) + 1
    pins = [Pin(number, 100 * mark.at_s / length, mark) for number, mark in enumerate(scene.marks, start=1)]
    ticks = [Tick(100 * at / length, f"{at:.0f} s") for at in steps_up_to(length) if at <= length]
    clients = dict.fromkeys(second.client for second in scene.timeline)
    of_each = [(client, [second for second in scene.timeline if second.client == client]) for client in clients]
    return [Timeline(client, length, seconds, (_rates(seconds), _latencies(seconds)), ticks, pins) for client, seconds in of_each]


def _rates(seconds: Sequence[Second]) -> Panel:
    """What was answered, one on the other, under a line of what was asked."""
    tallest = max(max(second.offered, _all(second)) for second in seconds)
    place = linear(HEADROOM * tallest if tallest else 1)
    bands = (
        ("ok", _none, _ok),
        ("told-no", _ok, _ok_and_told_no),
        ("refused", _ok_and_told_no, _ok_and_refused),
        ("failed", _ok_and_refused, _all_that_was_sent),
        ("unsent", _all_that_was_sent, _all),
    )
    curves = [Curve(kind, _band(seconds, place, bottom, top)) for kind, bottom, top in bands]
    offered = "".join(f"{'L' if number else 'M'}{one.at_s:g},{place(one.offered):.2f}h1" for number, one in enumerate(seconds))
    return Panel(
        "answers a second",
        [Tick(place(step), f"{step:,.0f}") for step in steps_up_to(tallest) if step <= HEADROOM * tallest],
        [*curves, Curve("offered", offered)],
    )


def _none(_: Second) -> int:
    return 0


def _ok(second: Second) -> int:
    return second.ok


def _ok_and_told_no(second: Second) -> int:
    return second.ok + second.told_no


def _ok_and_refused(second: Second) -> int:
    return second.ok + second.refused


def _all_that_was_sent(second: Second) -> int:
    return _all(second) - second.unsent


def _all(second: Second) -> int:
    return second.ok + second.refused + second.failed


def _band(seconds: Sequence[Second], place: Place, bottom: Callable[[Second], int], top: Callable[[Second], int]) -> str:
    """A box for each second that has any of it: a single request that failed must be seen."""
    return "".join(
        f"M{second.at_s:g},{place(bottom(second)):.2f}h1V{place(top(second)):.2f}h-1z" for second in seconds if top(second) > bottom(second)
    )


def _latencies(seconds: Sequence[Second]) -> Panel:
    slowest = max((second.p99_ms or 0 for second in seconds), default=0)
    decades = decades_up_to(max(slowest, LATENCY_TOP_MS))
    place = logarithmic(decades[-1])
    curves = [
        Curve("p50", _line(((second.at_s, second.p50_ms) for second in seconds), place)),
        Curve("p99", _line(((second.at_s, second.p99_ms) for second in seconds), place)),
    ]
    return Panel("how long they took", [Tick(place(decade), _span(decade)) for decade in decades], curves)


def _line(points: Iterator[tuple[float, float | None]], place: Place) -> str:
    """Through the middle of each second; it breaks off where there is no value, and a value alone is a dot."""
    path, is_drawing = [], False
    for at, value in points:
        if value is not None:
            path.append(f"{'L' if is_drawing else 'M'}{at + 0.5:g},{place(value):.2f}h0")
        is_drawing = value is not None
    return "".join(path)


def _span(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1_000 else f"{ms / 1_000:.0f} s"
