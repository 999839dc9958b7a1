"""What became of the requests of one plan, one by one."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tests.load.lab.results import Latencies, Second

BROKEN = 0  # in the place of a status: the connection was refused, or ended before the answer
GIVEN_UP = 1  # nobody answered in time
UNSENT = 2  # every connection was waiting for another answer
REFUSED = frozenset({429, 503})  # what an API says that wants to be left alone for a while


def _floats() -> "array[float]":
    return array("d")


@dataclass(slots=True)
class Tally:
    """One place in each column for each request, in the order in which they ended."""

    kinds: Sequence[str]  # by number
    seconds: float  # in which requests were due
    kind: "array[int]" = field(default_factory=lambda: array("B"))
    status: "array[int]" = field(default_factory=lambda: array("H"))
    due: "array[float]" = field(default_factory=_floats)  # seconds since the beginning
    latency: "array[float]" = field(default_factory=_floats)  # seconds from when it was due to the last byte of the answer
    late: "array[float]" = field(default_factory=_floats)  # of each request, in the order of sending: by how much we saw it too late
    bytes_received: int = 0
    connects: int = 0  # connections made, the first ones included
    cpu_seconds: float = 0.0  # of the generator itself, from the first request to the last

    def __len__(self) -> int:
        return len(self.due)

    @property
    def ok(self) -> int:
        return sum(1 for status in self.status if is_ok(status))

    @property
    def errors(self) -> float:
        """The share that got no 2xx or 3xx."""
        return 1 - self.ok / len(self) if len(self) else 0.0

    def statuses(self, *kinds: str) -> dict[int, int]:
        """How many of each; BROKEN and GIVEN_UP among them."""
        found: dict[int, int] = {}
        for row in self._rows(kinds):
            found[self.status[row]] = found.get(self.status[row], 0) + 1
        return found

    def latencies(self, *kinds: str) -> Latencies:
        """Of what was answered with success; of these kinds, or all."""
        ordered = sorted(self.latency[row] for row in self._rows(kinds) if is_ok(self.status[row]))
        return Latencies(*(quantile_ms(ordered, share) or 0.0 for share in (0.5, 0.95, 0.99)))

    def timeline(self, *kinds: str, client: str = "", refused: frozenset[int] = REFUSED) -> list[Second]:
        """One line for each second in which something was due. `refused` are statuses that answer, though not as was hoped."""
        rows = sorted(self._rows(kinds), key=self.due.__getitem__)
        return [self._second(at, list(those), client, refused) for at, those in groupby(rows, key=lambda row: int(self.due[row]))]

    def since(self, seconds: float) -> "Tally":
        """Without what was due before: a start is no steady state. Bytes, connects and CPU are still those of the whole."""
        rows = [row for row, due in enumerate(self.due) if due >= seconds]
        kept = Tally(self.kinds, self.seconds - seconds, bytes_received=self.bytes_received, connects=self.connects)
        kept.cpu_seconds, kept.late = self.cpu_seconds, self.late
        for name in ("kind", "status", "due", "latency"):
            column = getattr(self, name)
            getattr(kept, name).extend(column[row] for row in rows)
        return kept

    def _rows(self, kinds: Sequence[str]) -> Iterator[int]:
        wanted = {number for number, kind in enumerate(self.kinds) if kind in kinds or not kinds}
        return (row for row, kind in enumerate(self.kind) if kind in wanted)

    def _second(self, at: int, rows: Sequence[int], client: str, refused: frozenset[int]) -> Second:
        good = sum(1 for row in rows if is_ok(self.status[row]))
        turned_away = sum(1 for row in rows if self.status[row] in refused)
        told_no = sum(1 for row in rows if self.status[row] in refused - REFUSED)
        answered = sorted(self.latency[row] for row in rows if is_ok(self.status[row]) or self.status[row] in refused - REFUSED)
        return Second(
            at_s=at,
            offered=len(rows),
            ok=good,
            refused=turned_away,
            failed=len(rows) - good - turned_away,
            p50_ms=quantile_ms(answered, 0.5),
            p99_ms=quantile_ms(answered, 0.99),
            told_no=told_no,
            unsent=sum(1 for row in rows if self.status[row] == UNSENT),
            client=client,
        )


def is_ok(status: int) -> bool:
    return 200 <= status < 400


def quantile_ms(ordered: Sequence[float], share: float) -> float | None:
    """The value that this share of all does not exceed."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1_000 if ordered else None
