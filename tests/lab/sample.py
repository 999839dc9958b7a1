"""A run that never was, with one of everything that the page has to show."""

from datetime import UTC, datetime

from tests.load.lab.results import Ceiling, Cost, Latencies, Mark, Report, Rung, Scene, Second, Step

_FAST, _SLOW = Latencies(2.1, 6.4, 12.8), Latencies(9.7, 55.0, 180.0)
_MIX = {"api": 310.0, "postgres": 95.5, "valkey": 21.2, "generator": 40.1}


def _rung(name: str, knee_rps: float) -> Rung:
    return Rung(
        name,
        {"HOLDFAST_CACHE": "on", "HOLDFAST_API_WORKERS": "1"},
        knee_rps=knee_rps,
        latencies=_FAST,
        cost=Cost(_MIX, 0.31, 1.02, 812, {"clients": 64, "postgres": 10, "valkey": 4}),
        steps=(Step(knee_rps, knee_rps, _FAST, 0.0, is_within=True), Step(2 * knee_rps, 1.3 * knee_rps, _SLOW, 0.04, is_within=False)),
        capacity_rps=knee_rps * 1.4,
    )


def _bound() -> Rung:
    return Rung("two workers", {}, knee_rps=6_100, latencies=_FAST, generator_bound=True, capacity_rps=8_900)


LADDER = (
    _rung("no cache", 620),
    _rung("cache", 1_480),
    _rung("fast path", 2_950),
    _bound(),
    Rung("two replicas behind nginx", {}, skipped="nginx is not installed; make load TARGET=compose runs it"),
    Rung("an old laptop", {}, steps=(Step(50, 41, _SLOW, 0.2, is_within=False),)),
)


def _outage() -> list[Second]:
    """Thirty seconds, of which three had no answer and one had failures."""
    calm = [Second(at, 1_000, 998, 2, 0, 3.2, 14.0 + at) for at in range(30)]
    calm[10] = Second(10, 1_000, 210, 640, 150, 40.0, 950.0)
    calm[11:13] = [Second(at, 1_000, 0, 1_000, 0, None, None) for at in (11, 12)]
    calm[13] = Second(13, 1_000, 820, 180, 0, 22.0, 420.0)
    return calm


def _two_classes() -> list[Second]:
    well_behaved = [Second(at, 100, 100, 0, 0, 2.0, 8.0, "well-behaved") for at in range(12)]
    return well_behaved + [Second(at, 2_000, 100, 1_900, 0, 2.0, 9.0, "abusive") for at in range(4, 9)]


SCENES = (
    Scene(
        "PostgreSQL is restarted",
        "A thousand requests a second while the database is stopped and started again. Who is not answered is told to come back.",
        _outage(),
        (Mark(10.2, "PostgreSQL is stopped (fast)"), Mark(12.6, "it takes connections again")),
        {"without an answer, seconds": 2.4, "failed": 150, "goodput, share of offered": 0.907},
        {"counters without explanation": 0, "oversold": 0},
    ),
    Scene("An abusive client", "One client floods.", _two_classes(), (), {"p99 of the others, ms": 8}, {"counters without explanation": 3}),
    Scene("A deploy", "Two processes are replaced.", skipped="there is no port that two processes can share"),
)


REPORT = Report(
    command="make load",
    started_at=datetime(2026, 11, 26, 18, 5, tzinfo=UTC),
    seconds=1_122.0,
    finished=True,
    versions={"holdfast": "0.1.0", "python": "3.13.5", "postgres": "18.6", "valkey": "9.1.2", "uvicorn": "0.54.0"},
    processor="Some Processor @ 2.90GHz",
    cores=2,
    memory_gb=7.8,
    size={"products": 100_000, "stock items": 1_000_000, "accounts": 10_000},
    ceilings=(
        Ceiling("trivial", 3_900, "a FastAPI route that returns a small JSON, on one worker, 64 connections for 10 s"),
        Ceiling("generator", 8_000, "what the generator sends to a server that answers with fixed bytes"),
        Ceiling("pgbench", 1_340, "the same reserve over 200 SKUs with 16 clients"),
    ),
    ladder=LADDER,
    scenes=SCENES,
)
