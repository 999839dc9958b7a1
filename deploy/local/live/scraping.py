"""Asking every process of the stack for its metrics at once."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx

from deploy.local.environment import Stack
from deploy.local.live.reading import Reading, Series, parse

ANSWER_SECONDS_MAX = 0.8  # the picture is drawn each second, whoever answers
AT_ONCE = 16


class Scraper:
    """Keeps its connections between readings. Ends by `close`."""

    def __init__(self, stack: Stack) -> None:
        # A proxy of this machine has no business with its own addresses.
        self._http = httpx.Client(timeout=ANSWER_SECONDS_MAX, trust_env=False)
        self._threads = ThreadPoolExecutor(AT_ONCE)
        ports = ((job, port) for job, theirs in stack.metrics_targets.items() for port in theirs)
        self._urls: Mapping[str, str] = {f"{job} {port}": f"http://{stack.metrics_address(port)}/metrics" for job, port in ports}

    def read(self) -> Reading:
        """What each shows now; None for one that does not answer, or not with metrics."""
        at = time.monotonic()
        return Reading(at, dict(zip(self._urls, self._threads.map(self._read_one, self._urls.values()), strict=True)))

    def _read_one(self, url: str) -> Series | None:
        try:
            return parse(self._http.get(url).raise_for_status().text)
        except (httpx.HTTPError, ValueError):
            return None

    def close(self) -> None:
        self._threads.shutdown()
        self._http.close()
