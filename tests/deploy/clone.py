"""A clone of this repository with ports of its own, and its commands as a person calls them."""

import json
import os
import subprocess
import sys
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]

from deploy.local.places import Places
from tests.support.program import free_port
from tests.support.sources import ROOT

COMMAND_SECONDS_MAX = 90
POLL_SECONDS = 0.05
FOREIGN = ("HOLDFAST_", "COVERAGE_")  # a copy's files are gone when coverage would report on them

Json = dict[str, Any]


class Clone:
    """Made from what git knows of here; nothing runs in it yet."""

    def __init__(self, root: Path, *, api_workers: int = 2) -> None:
        self.root = root
        self._api_workers = api_workers
        self.places = Places(root / ".run")
        self.ports = {name: free_port() for name in ("HOLDFAST_PORT", "HOLDFAST_SMTP_PORT", "HOLDFAST_MAIL_UI_PORT")}
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():  # git lists what was deleted and not yet committed
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes((ROOT / name).read_bytes())
        (root / ".venv").symlink_to(sys.prefix)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['HOLDFAST_PORT']}"

    @property
    def mailbox_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['HOLDFAST_MAIL_UI_PORT']}"

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        chosen = {"HOLDFAST_API_WORKERS": str(self._api_workers), "HOLDFAST_BCRYPT_COST": "4"}
        return inherited | chosen | {name: str(port) for name, port in self.ports.items()}

    @staticmethod
    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "deploy.local.main", *words]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            self.command(*words),
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS_MAX,
        )

    def begin(self, *words: str) -> "subprocess.Popen[str]":
        """Start a command whose output is read while it runs."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> list[str]:
        """What runs in this clone, found by where it runs and not as the stack itself finds it."""
        return [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline", "cwd"]) if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        folder = process.info["cwd"]
        return process.pid != os.getpid() and folder is not None and Path(folder).is_relative_to(self.root)

    def pids(self) -> dict[str, int]:
        """The processes of the running stack by name, from `make status`; 0 for one that is down."""
        rows = [line.split() for line in takewhile(str.strip, self.run("status").stdout.splitlines())]
        return {row[0]: int(row[2].replace("-", "0")) for row in rows if len(row) > 3 and row[2].replace("-", "0").isdigit()}

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.api_url}/readyz", trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def until_ready(self, *, within_seconds: float = 30) -> None:
        deadline = time.monotonic() + within_seconds
        while not self.is_ready():
            assert time.monotonic() < deadline, self.run("status").stdout
            time.sleep(POLL_SECONDS)

    def json_of(self, name: str) -> Json:
        known: Json = json.loads((self.places.run / name).read_text())
        return known


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """What the command printed up to the line with these words."""
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError(f"it ended without saying {words!r}:\n{''.join(lines)}")
