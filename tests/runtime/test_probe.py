"""Without these, a container that cannot serve is called healthy, and traffic goes there."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tests.support.program import free_port


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def probe(url: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "services.runtime.probe", url]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_a_good_answer_is_health(url: str) -> None:
    assert probe(f"{url}/well").returncode == 0


def test_a_refusal_is_none(url: str) -> None:
    done = probe(f"{url}/ill")

    assert done.returncode == 1
    assert "503" in done.stderr


def test_silence_is_none() -> None:
    done = probe(f"http://127.0.0.1:{free_port()}/well")

    assert done.returncode == 1
    assert "does not answer" in done.stderr
