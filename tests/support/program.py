"""One program in a process group of its own, its output in a file."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.leash import Leash
from tests.support.sources import ROOT

_POLL_SECONDS = 0.02
_TAIL_LINES = 40
_LINE_LENGTH_MAX = 1_000  # a line of JSON may hold a whole traceback
_PORTS = range(20_000, 32_000)  # below what the kernel gives to clients, so that none of them sits on a port we chose


class Program:
    """Started by its constructor; whoever starts it ends it, and `leash` ends what nobody did."""

    def __init__(self, *module: str, environment: Mapping[str, str], log: Path, leash: Leash) -> None:
        self.name = " ".join(module)
        self._log = log
        self._leash = leash
        self._is_over = False
        with log.open("ab") as output:
            command = [sys.executable, "-m", *module]
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        leash.hold(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def tail(self) -> str:
        """The last lines that it wrote."""
        lines = self._log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"--- {self.name} ({self._log})", *(line[:_LINE_LENGTH_MAX] for line in lines)])

    def kill(self) -> None:
        """kill -9, children included: nothing gets to say goodbye."""
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._is_over = True  # from now on the number may be another program's
        self._leash.let_go(self.pid)

    def signal(self, number: signal.Signals) -> None:
        """To all of its processes; SIGSTOP and SIGCONT make it hang and go on."""
        if not self._is_over:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM to the main process alone, as a supervisor sends it."""
        if self.is_running:
            os.kill(self.pid, signal.SIGTERM)

    async def stop(self, *, within_seconds: float = 20) -> int:
        """Ask it to end, and wait until it has; its exit code."""
        self.terminate()
        try:
            return await self.ended(within_seconds=within_seconds)
        finally:
            self.kill()

    async def ended(self, *, within_seconds: float) -> int:
        """Wait until it has ended by itself; its exit code."""
        deadline = time.monotonic() + within_seconds
        while (code := self._process.poll()) is None:
            assert time.monotonic() < deadline, f"still running after {within_seconds} s\n{self.tail}"
            await asyncio.sleep(_POLL_SECONDS)
        return code


def free_port() -> int:
    for port in random.sample(_PORTS, k=len(_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
