"""Numbers that a process counts while it works, for whoever scrapes them.

Counting costs the work next to nothing: an integer, a dictionary, or a `Histogram` of plain numbers. The library's families are
made of them when somebody asks, in a thread with a port of its own. Each process has its own port: of processes that share one each
would answer for a part, and files that they share outlive whoever is killed (docs/decisions/0050).
"""

import errno
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from itertools import accumulate
from socketserver import ThreadingMixIn
from typing import Literal
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from services.runtime.error_reporting import reporting
from services.runtime.logs import lines_dropped, log
from services.runtime.settings import Settings

Process = Literal["api", "worker", "relay"]
Source = Callable[[], Iterable[Metric]]

PORTS_EACH = 100  # more than a machine runs of one kind
FIRST_PORT: Mapping[Process, int] = {"api": 0, "worker": PORTS_EACH, "relay": 2 * PORTS_EACH}  # counted from the setting
SAMPLES_AT_ONCE = 50  # a millisecond of work; without pauses an event loop gets its turn every five
PAUSE_SECONDS = 0.000_05
SCRAPE_SECONDS = 10  # for a scraper to send its question; whoever is slower has gone

# Of what a person waits for. The objective is 0.1; a copy from the cache takes less than the first.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Histogram:
    """How often a value was at most each of its bounds. For one thread; another may read it, and sees what is a moment old."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.total = 0.0
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """As the exposition has them: each holds the ones before."""
        names = (*(str(float(bound)) for bound in self._bounds), "+Inf")
        return list(zip(names, accumulate(self._counts), strict=True))


def counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(name, says, value=value)


def gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)


def counters(name: str, says: str, label: str, values: Mapping[str, float]) -> Metric:
    """One for each value of the label, which are few and known."""
    family = CounterMetricFamily(name, says, labels=[label])
    for key, value in list(values.items()):
        family.add_metric([key], value)
    return family


def gauges(name: str, says: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=[label])
    for key, value in list(values.items()):
        family.add_metric([key], value)
    return family


def histogram(name: str, says: str, values: Histogram) -> Metric:
    return HistogramMetricFamily(name, says, buckets=values.buckets(), sum_value=values.total)


def histograms(name: str, says: str, labels: Sequence[str], values: Mapping[tuple[str, ...], Histogram]) -> Metric:
    family = HistogramMetricFamily(name, says, labels=labels)
    for key, one in list(values.items()):
        family.add_metric(key, one.buckets(), one.total)
    return family


class _Exposition(Collector):
    """What the sources say. A whole scrape takes a tenth of a second, during which the process must go on with its work."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        for source in self._sources:
            for family in source():
                said = copy(family)  # a source may keep its own, and say it again at the next scrape
                said.samples = _in_turns(family.samples)  # type: ignore[assignment]  # it is read once
                yield said

    def describe(self) -> Iterable[Metric]:
        """Nothing: to ask the sources now would be too early."""
        return ()


def _in_turns(samples: Iterable[Sample]) -> Iterable[Sample]:
    for number, sample in enumerate(samples):
        if number % SAMPLES_AT_ONCE == 0:
            # Lets go of the interpreter's lock for long enough that an event loop which waits for it has it first.
            time.sleep(PAUSE_SECONDS)
        yield sample


def registry_of(*sources: Source) -> CollectorRegistry:
    """What a scrape reads: the sources, and what the library knows of any process."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR, _Exposition(sources)):
        registry.register(collector)
    return registry


def export(settings: Settings, process: Process, *sources: Source) -> None:
    """Answer scrapes on the first free port of this kind of process, until the process ends; not at all if the setting is 0.

    A process whose ports are all taken works on without: whoever scrapes it sees that it is missing.
    """
    if settings.metrics_port == 0:
        return
    first = settings.metrics_port + FIRST_PORT[process]
    app = make_wsgi_app(registry_of(lambda: _of_process(settings, process), *sources), disable_compression=True)
    for port in range(first, first + PORTS_EACH):
        try:
            server = make_server(settings.metrics_host, port, app, _Server, _Handler)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                log.warning("metrics.no_port", host=settings.metrics_host, port=port, error=str(error))
                return
            continue
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
        return
    log.warning("metrics.no_port", host=settings.metrics_host, port=first, error="this port and all that follow are taken")


def _of_process(settings: Settings, process: Process) -> Iterable[Metric]:
    yield InfoMetricFamily("inventory_build", "What runs here.", {"process": process, "release": settings.release})
    yield counter("inventory_log_lines_dropped", "Lines of the log that nobody read in time.", lines_dropped())
    yield counter("inventory_errors", "Errors that nobody foresaw.", reporting.seen)
    yield counter("inventory_errors_reported", "Errors that error tracking was told of.", reporting.reported)
    yield counter("inventory_errors_dropped", "Errors that it was not told of: too many at once, or it did not listen.", reporting.dropped)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_port = False  # two processes on one port would take turns


class _Handler(WSGIRequestHandler):
    timeout = SCRAPE_SECONDS

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002  # the library's name
        """A scrape is not worth a line."""
