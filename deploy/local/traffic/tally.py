"""What came of it: counted while the shop is open, said each second and in the end."""

from collections import Counter, deque
from dataclasses import dataclass, field

LATEST = 10_000  # durations that are kept: some five minutes of them
SERVER_FAULT = 500


@dataclass(slots=True)
class Tally:
    """Counts since the shop opened. A retry is a request of its own."""

    statuses: Counter[int] = field(default_factory=Counter)
    silences: int = 0  # requests without an answer
    deeds: Counter[str] = field(default_factory=Counter)
    _durations: deque[float] = field(default_factory=lambda: deque(maxlen=LATEST))

    def note_answer(self, status: int, *, seconds: float) -> None:
        self.statuses[status] += 1
        self._durations.append(seconds)

    def note_silence(self) -> None:
        self.silences += 1

    def note(self, deed: str) -> None:
        self.deeds[deed] += 1

    @property
    def requests(self) -> int:
        return self.statuses.total() + self.silences

    @property
    def errors(self) -> int:
        """What nobody may answer: nothing at all, or a fault of the server."""
        return self.silences + sum(count for status, count in self.statuses.items() if status >= SERVER_FAULT)

    def line(self, *, a_second: float) -> str:
        counts = "  ".join(f"{deed} {self.deeds[deed]:,}" for deed in ("held", "confirmed", "refused"))
        return f"{a_second:5.1f} requests/s  {counts}  errors {self.errors:,}"

    def summary(self, *, seconds: float) -> list[str]:
        deeds = ", ".join(f"{count:,} {deed}" for deed, count in self.deeds.most_common())
        statuses = ", ".join(f"{count:,} were {status}" for status, count in sorted(self.statuses.items()))
        return [
            f"{self.requests:,} requests in {seconds:.0f} s, {self.requests / max(seconds, 1):.1f} a second.",
            f"What came of them: {deeds or 'nothing'}.",
            f"Of the answers {statuses or 'there were none'}; {self.silences:,} requests got none.",
            f"Half of the answers came within {self._within(0.5):.1f} ms, 99 % within {self._within(0.99):.1f} ms.",
        ]

    def _within(self, share: float) -> float:
        """Milliseconds within which this share of the latest answers came; 0 without any."""
        if not self._durations:
            return 0.0
        return sorted(self._durations)[int(share * (len(self._durations) - 1))] * 1_000
