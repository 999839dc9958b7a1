"""What a run of the lab found out: the whole of `report.json`, and all that the page is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import TypeAdapter

GENERATOR_SHARE_MAX = 0.7  # beyond it, what is measured may be the generator


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that this machine can do of something, measured in the same run."""

    name: str  # "generator", "trivial", "pgbench"
    rps: float
    what: str  # a sentence: what was done, by how many, for how long


@dataclass(frozen=True, slots=True)
class Latencies:
    """From the moment each request was due."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request of the mix takes."""

    cpu_us: Mapping[str, float]  # by kind of process: api, postgres, valkey, worker, relay, nginx, generator
    database_trips: float
    redis_trips: float
    bytes: float  # of an answer, head and body
    connections: Mapping[str, int]  # open at the end, not for each request: clients, postgres, valkey

    @property
    def server_cpu_us(self) -> float:
        """Without the generator, which a real client would not run here."""
        return sum(spent for kind, spent in self.cpu_us.items() if kind != "generator")


@dataclass(frozen=True, slots=True)
class Step:
    """One rate that was tried."""

    offered_rps: float
    answered_rps: float  # with 2xx, by the time the step ended
    latencies: Latencies
    errors: float  # the share that was refused, failed or never sent
    is_within: bool  # whether latency and errors were within what a knee allows


@dataclass(frozen=True, slots=True)
class Rung:
    """One configuration under the mix. It differs from the one before by one layer."""

    name: str
    settings: Mapping[str, str]  # what it was started with
    knee_rps: float | None = None  # the highest rate that was within; None if none was, or it did not run
    latencies: Latencies | None = None  # at the knee
    cost: Cost | None = None  # at the knee
    steps: Sequence[Step] = ()
    generator_bound: bool = False  # the knee is over 70 % of the generator's ceiling
    capacity_rps: float | None = None  # all cores over `server_cpu_us`: what the machine would do without the generator
    skipped: str | None = None  # why it did not run


@dataclass(frozen=True, slots=True)
class Second:
    """What became of the requests that were due in one second of a scene."""

    at_s: float  # since the scene began
    offered: int
    ok: int
    refused: int  # 429 and 503, and the refusals that a scene expects (sold out)
    failed: int  # any other answer, or none
    p50_ms: float | None  # of those that were ok, or were told no; None if none was
    p99_ms: float | None
    client: str = ""  # which class of clients, where a scene has several
    unsent: int = 0  # of the failed, those for whom no connection was free
    told_no: int = 0  # of the refused, those who need not come back: sold out


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done in a scene."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Something happens under load."""

    name: str
    story: str  # what happens and what should be seen, in two or three sentences
    timeline: Sequence[Second] = ()
    marks: Sequence[Mark] = ()
    figures: Mapping[str, float] = field(default_factory=dict)  # by a name with its unit: "goodput, share of offered"
    invariants: Mapping[str, int] = field(default_factory=dict)  # violations by name; all are 0, or something is broken
    skipped: str | None = None  # why it did not run


@dataclass(frozen=True, slots=True)
class Report:
    """One run. An interrupted one has what was finished by then."""

    command: str
    started_at: datetime
    seconds: float  # that it took
    finished: bool  # or interrupted
    versions: Mapping[str, str]  # holdfast, python, postgres, valkey, uvicorn, fastapi, ...
    processor: str
    cores: int
    memory_gb: float
    size: Mapping[str, int]  # of the data: products, stock items, accounts
    ceilings: Sequence[Ceiling] = ()
    ladder: Sequence[Rung] = ()
    scenes: Sequence[Scene] = ()

    def ceiling(self, name: str) -> float | None:
        """None if it was not measured."""
        return next((one.rps for one in self.ceilings if one.name == name), None)


_REPORT = TypeAdapter(Report)


def as_json(report: Report) -> bytes:
    return _REPORT.dump_json(report, indent=2) + b"\n"


def from_json(text: bytes) -> Report:
    return _REPORT.validate_json(text)
