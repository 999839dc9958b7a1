"""Without this, a process that is killed stays away until somebody notices."""

import os
import signal
import time

import pytest

from tests.deploy.clone import POLL_SECONDS, Clone

RESTART_SECONDS_MAX = 5


@pytest.mark.parametrize("name", ["postgres", "broker", "cache", "mail", "api", "worker", "relay"])
def test_a_killed_process_runs_again_within_five_seconds(stack: Clone, name: str) -> None:
    killed = stack.pids()[name]

    os.kill(killed, signal.SIGKILL)

    deadline = time.monotonic() + RESTART_SECONDS_MAX
    while stack.pids()[name] in {killed, 0}:
        assert time.monotonic() < deadline, stack.places.log(name).read_text()
        time.sleep(POLL_SECONDS)
    stack.until_ready()
