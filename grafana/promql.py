"""The few shapes that our queries have.

A counter or a histogram belongs to one process, so processes are added up. What the relay samples is one truth that each relay tells,
so the largest is taken. A fault that has not happened has no series; `or_zero` shows it as 0, because an empty panel looks broken.
"""

WINDOW = "$__rate_interval"  # Grafana's: as fine as the picture, never finer than the scrapes


def rate(counter: str, by: str = "", *, over: str = WINDOW) -> str:
    """A second, of all processes."""
    return f"sum{_grouped(by)} (rate({counter}[{over}]))"


def increase(counter: str, by: str = "", *, over: str) -> str:
    return f"sum{_grouped(by)} (increase({counter}[{over}]))"


def total(gauge: str, by: str = "") -> str:
    """Of all processes."""
    return f"sum{_grouped(by)} ({gauge})"


def largest(gauge: str, by: str = "") -> str:
    """Of all processes that say it."""
    return f"max{_grouped(by)} ({gauge})"


def quantile(share: float, histogram: str, by: str = "", *, where: str = "", over: str = WINDOW) -> str:
    """What this share of the observations does not exceed, as well as the buckets know."""
    selector = f"{{{where}}}" if where else ""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{selector}[{over}])))"


def ratio(part: str, whole: str) -> str:
    """0 where there is nothing of the whole."""
    return or_zero(f"{part} / ({whole} > 0)")


def or_zero(promql: str) -> str:
    return f"{promql} or on() vector(0)"


def _grouped(by: str) -> str:
    return f" by ({by})" if by else ""
