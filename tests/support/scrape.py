"""What Prometheus would read."""

import asyncio
import random
import socket
from collections.abc import Iterable
from contextlib import ExitStack

import httpx
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from services.api.metrics import of_app
from services.runtime.metrics import FIRST_PORT, Process, registry_of
from tests.support.api import Api

_BASES = range(32_100, 32_700)  # between what tests give to programs and what the kernel gives to clients
_EACH = 3  # ports of a kind that a test may use
_SCRAPE_SECONDS = 5


class Figures:
    """The samples of one or more processes."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.samples: list[Sample] = [
            sample for text in texts for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def of(self, name: str, **labels: str) -> float:
        """The sum of all that have this name and these labels. There must be one: what is missing is no zero."""
        found = [sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()]
        assert found, f"nobody tells {name} of {labels}"
        return sum(found)

    def by(self, name: str, label: str) -> dict[str, float]:
        """What is not zero, by the values of one label."""
        sums: dict[str, float] = {}
        for sample in self.samples:
            if sample.name == name and sample.value:
                sums[sample.labels[label]] = sums.get(sample.labels[label], 0) + sample.value
        return sums


def scrape_in_process(api: Api) -> Figures:
    """Of an app that runs in the test's own process."""
    assert isinstance(api.transport, httpx.ASGITransport)
    app = api.transport.app
    return Figures([generate_latest(registry_of(lambda: of_app(app))).decode()])  # type: ignore[arg-type]  # it is a FastAPI


def free_metrics_port() -> int:
    """A setting with which the first few ports of each kind of process are free."""
    for base in random.sample(_BASES, len(_BASES)):
        with ExitStack() as stack:
            try:
                for port in (base + first + n for first in FIRST_PORT.values() for n in range(_EACH)):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise AssertionError("no port is free")


async def scrape(base: int, **processes: int) -> Figures:
    """Of so many processes of each kind: `scrape(port, api=2, relay=1)`. Raises httpx.TransportError if one does not answer."""
    return Figures(await asyncio.gather(*(_read(port) for port in _ports(base, processes))))


async def answer(base: int, **processes: int) -> bool:
    """Whether so many processes of each kind can be scraped."""
    try:
        await scrape(base, **processes)
    except httpx.TransportError:
        return False
    return True


def _ports(base: int, processes: dict[str, int]) -> list[int]:
    kinds: dict[str, Process] = {"api": "api", "worker": "worker", "relay": "relay"}
    return [base + FIRST_PORT[kinds[kind]] + n for kind, count in processes.items() for n in range(count)]


async def _read(port: int) -> str:
    async with httpx.AsyncClient(timeout=_SCRAPE_SECONDS, trust_env=False) as client:
        answered = await client.get(f"http://127.0.0.1:{port}/metrics")
        assert answered.status_code == httpx.codes.OK
        return answered.text
