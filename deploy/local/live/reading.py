"""What the processes show at one moment, and what happened between two moments."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from prometheus_client.parser import text_string_to_metric_families

OURS = "inventory_"
SERIES_MAX = 50_000  # a process with every route, method and status has some thousands, all processes the same
Labels = frozenset[tuple[str, str]]
Series = Mapping[str, Mapping[Labels, float]]  # by name, then by labels


@dataclass(frozen=True, slots=True)
class Reading:
    """At one moment, by target such as `api 9400`: what it showed, or None when it did not answer."""

    at: float
    targets: Mapping[str, Series | None]

    @property
    def silent(self) -> list[str]:
        return [name for name, series in self.targets.items() if series is None]


def parse(exposition: str) -> Series:
    """Our own series in Prometheus's text format. Raises ValueError for what is none."""
    found: defaultdict[str, dict[Labels, float]] = defaultdict(dict)
    for line in exposition.splitlines():
        if line.startswith(OURS):
            head, _, value = line.rpartition(" ")
            name, labels = _identity(head)
            found[name][labels] = float(value)
    return found


@lru_cache(SERIES_MAX)
def _identity(head: str) -> tuple[str, Labels]:
    """The name and the labels before a value. Remembered, for each process says the same heads each second and the parser is slow."""
    [family] = text_string_to_metric_families(f"{head} 0\n")
    [sample] = family.samples
    return sample.name, frozenset(sample.labels.items())


class Between:
    """Two readings compared. Counters are summed over the processes; one that was restarted counts from 0 again."""

    def __init__(self, before: Reading, now: Reading) -> None:
        self._before = before
        self._now = now
        self._seconds = now.at - before.at

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of a gauge now; None when nobody shows it."""
        wanted = frozenset(labels.items())
        shown = [series.get(name, {}) for series in self._now.targets.values() if series]
        found = [value for values in shown for key, value in values.items() if wanted <= key]
        return sum(found) if found else None

    def rate(self, name: str, **labels: str) -> float | None:
        """How much a counter grew in a second; None when nobody shows one of that name in both readings."""
        wanted = frozenset(labels.items())
        grown = list(self._growth(name))
        return sum(growth for key, growth in grown if wanted <= key) / self._seconds if grown and self._seconds > 0 else None

    def quantile(self, name: str, share: float) -> float | None:
        """Below which value this share of a histogram's new observations lie, as `histogram_quantile` says it; None without any."""
        buckets: defaultdict[float, float] = defaultdict(float)
        for labels, growth in self._growth(f"{name}_bucket"):
            buckets[float(dict(labels)["le"])] += growth
        return quantile(sorted(buckets.items()), share)

    def _growth(self, name: str) -> Iterator[tuple[Labels, float]]:
        for target, series in self._now.targets.items():
            earlier = self._before.targets.get(target)
            if series is None or earlier is None:  # its past is unknown, and must not pass for news
                continue
            known = earlier.get(name, {})
            for key, value in series.get(name, {}).items():
                before = known.get(key, 0.0)
                yield key, value - before if value >= before else value


def quantile(buckets: Iterable[tuple[float, float]], share: float) -> float | None:
    """From cumulative buckets (upper bound, count) in ascending order, straight within a bucket; beyond the last bound that bound."""
    bounds = list(buckets)
    if not bounds or not bounds[-1][1]:
        return None
    wanted = share * bounds[-1][1]
    lower, below = 0.0, 0.0
    for upper, count in bounds:
        if count >= wanted and count > below:
            return lower if math.isinf(upper) else lower + (upper - lower) * (wanted - below) / (count - below)
        lower, below = upper, count
    return lower
