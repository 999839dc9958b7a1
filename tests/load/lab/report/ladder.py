"""What each layer bought: the rungs as bars of one scale, beside what the machine can do at all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.load.lab.results import Report, Rung

ASKED_RPS = 1_000  # the question that the page answers


@dataclass(frozen=True, slots=True)
class Bar:
    """One rung; its lengths are in percent of the longest of all."""

    rung: Rung
    length: float
    capacity_length: float | None  # where the generator was the limit: as far as the machine would go without it
    to_trivial: float | None
    to_before: float | None  # the knee over that of the rung before, of those that have one


@dataclass(frozen=True, slots=True)
class Ladder:
    bars: Sequence[Bar]
    trivial_length: float | None  # where the trivial route stands on the same scale


def ladder(report: Report) -> Ladder:
    trivial = report.ceiling("trivial")
    capacities = [rung.capacity_rps for rung in report.ladder if rung.generator_bound and rung.capacity_rps]
    longest = max([trivial or 0, *(rung.knee_rps or 0 for rung in report.ladder), *capacities, 1])
    bars: list[Bar] = []
    before = None
    for rung in report.ladder:
        knee = rung.knee_rps
        capacity = rung.capacity_rps if rung.generator_bound else None
        bars.append(
            Bar(
                rung,
                length=100 * (knee or 0) / longest,
                capacity_length=100 * capacity / longest if capacity else None,
                to_trivial=_ratio(knee, trivial),
                to_before=_ratio(knee, before),
            )
        )
        before = knee or before
    return Ladder(bars, 100 * trivial / longest if trivial else None)


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


def answer(report: Report) -> str:
    """How this machine handles a thousand requests a second, in one line."""
    held = [(rung.knee_rps, rung) for rung in report.ladder if rung.knee_rps]
    if not held:
        return "No rung of this run held any rate, so it has no answer."
    knee, best = max(held, key=lambda pair: pair[0])
    first = next((rung for rate, rung in held if rate >= ASKED_RPS), None)
    reached = (
        f"{ASKED_RPS:,} a second need no more than the rung “{first.name}”." if first else f"{ASKED_RPS:,} a second are more than it holds."
    )
    against = _ratio(knee, report.ceiling("trivial"))
    ratio = f", {against:.2f} times what a trivial route does" if against else ""
    p99 = f" with a p99 of {best.latencies.p99_ms:.0f} ms" if best.latencies else ""
    return (
        f"{reached} The most is {knee:,.0f} a second{p99}{ratio}: “{best.name}” on {report.cores} cores that generator and servers share."
    )


def cpu_kinds(report: Report) -> Sequence[str]:
    """Every kind of process that costs something, the dearest first."""
    spent: Counter[str] = Counter()
    for rung in report.ladder:
        spent.update(rung.cost.cpu_us if rung.cost else {})
    return [kind for kind, cost_us in spent.most_common() if cost_us]
