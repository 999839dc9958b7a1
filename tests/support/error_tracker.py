"""An error tracker that keeps what it is sent, as Sentry's protocol sends it."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.eventually import eventually

Report = dict[str, Any]


class Tracker:
    """What was reported to it, in the order in which it came."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.everything = ""  # headers and bodies, word for word
        self.port = 0

    @property
    def dsn(self) -> str:
        """With a secret, as DSNs of old have one."""
        return f"http://key:canary-in-the-dsn@127.0.0.1:{self.port}/42"

    async def hears(self, count: int, *, within_seconds: float) -> list[Report]:
        """Wait until at least so many have been reported; the reports."""

        async def are_here() -> bool:
            return len(self.reports) >= count

        await eventually(are_here, within_seconds=within_seconds)
        return self.reports

    def take(self, headers: str, body: bytes) -> None:
        envelope = body.decode()
        self.everything += headers + envelope
        lines = envelope.splitlines()
        self.reports += [json.loads(payload) for item, payload in zip(lines[1::2], lines[2::2], strict=True) if _is_event(item)]


class _Handler(BaseHTTPRequestHandler):
    tracker: Tracker

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        # Of the headers, who is speaking is the tracker's to know: its own key.
        headers = "\n".join(f"{name}: {value}" for name, value in self.headers.items() if name != "X-Sentry-Auth")
        self.tracker.take(headers, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not to the screen."""


@pytest.fixture
def tracker() -> Iterator[Tracker]:
    kept = Tracker()
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"tracker": kept})) as server:
        kept.port = server.server_port
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield kept
        server.shutdown()
        serving.join()


@pytest.fixture(params=["refuses", "is silent"])
def dead_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a tracker that is not there, or that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        if request.param == "refuses":
            server.close()
            yield "http://key@127.0.0.1:1/42"
        else:
            yield f"http://key@127.0.0.1:{server.getsockname()[1]}/42"


def _is_event(item: str) -> bool:
    return bool(json.loads(item)["type"] == "event")
