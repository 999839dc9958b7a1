"""Without these, what is stopped goes on running, and what cannot run says that it does."""

import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.deploy.clone import COMMAND_SECONDS_MAX, Clone, read_until

READY = "Ctrl-C stops everything."
# Python gives a process a terminal of its own only from inside.
IN_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"


@contextmanager
def terminal(clone: Clone, *words: str) -> "Iterator[tuple[int, subprocess.Popen[bytes]]]":
    """A command in a terminal; whoever holds the descriptor is the person in front of it, and closes it."""
    person, screen = pty.openpty()
    command = [sys.executable, "-c", IN_TERMINAL, *clone.command(*words)]
    try:
        process = subprocess.Popen(command, cwd=clone.root, env=clone.environment, stdin=screen, stdout=screen, stderr=screen)
    finally:
        os.close(screen)
    yield person, process


def read_terminal_until(person: int, words: str) -> None:
    seen = b""
    while words.encode() not in seen:
        seen += os.read(person, 10_000)


def test_stop_leaves_no_process(clone: Clone) -> None:
    started = clone.run("start")
    assert started.returncode == 0, started.stdout + started.stderr
    assert clone.processes()

    stopped = clone.run("stop")

    assert (stopped.returncode, stopped.stdout) == (0, "Stopped.\n")
    assert clone.processes() == []


def test_ctrl_c_leaves_no_process_and_is_a_normal_end(clone: Clone) -> None:
    up = clone.begin("up")
    read_until(up, READY)

    up.send_signal(signal.SIGINT)

    output, _ = up.communicate(timeout=COMMAND_SECONDS_MAX)
    assert up.returncode == 0, output
    assert "no process is left" in output
    assert clone.processes() == []


def test_ctrl_c_leaves_no_process_when_nobody_reads_the_output_any_more(clone: Clone) -> None:
    up = clone.begin("up")
    read_until(up, READY)
    assert up.stdout
    up.stdout.close()

    up.send_signal(signal.SIGINT)

    assert up.wait(COMMAND_SECONDS_MAX) == 0
    assert clone.processes() == []


def test_a_closed_terminal_leaves_no_process(clone: Clone) -> None:
    with terminal(clone, "up") as (person, up):
        read_terminal_until(person, READY)

        os.close(person)

        assert up.wait(COMMAND_SECONDS_MAX) == 0
    assert clone.processes() == []


def test_a_start_that_is_interrupted_did_not_succeed_and_leaves_no_process(clone: Clone) -> None:
    start = clone.begin("start")
    read_until(start, "postgres")

    start.send_signal(signal.SIGINT)

    output, _ = start.communicate(timeout=COMMAND_SECONDS_MAX)
    assert start.returncode == 130, output
    assert clone.processes() == []


def test_a_process_that_keeps_dying_ends_up_with_its_last_words(clone: Clone) -> None:
    relay = clone.root / "services" / "worker" / "relay.py"
    sound = relay.read_text()
    relay.write_text("raise SystemExit('I have no legs')\n")
    try:
        up = clone.run("up")
    finally:
        relay.write_text(sound)

    assert up.returncode == 1, up.stdout
    assert up.stderr.startswith("Not done: relay keeps dying")
    assert "I have no legs" in up.stderr
    assert "Ready" not in up.stdout
    assert clone.processes() == []


def test_a_taken_port_is_one_sentence_with_the_variable_to_change(clone: Clone) -> None:
    port = clone.ports["HOLDFAST_PORT"]
    with socket.create_server(("127.0.0.1", port)):
        start = clone.run("start")

    assert start.returncode == 1
    [sentence] = start.stderr.splitlines()
    assert f"another program listens on port {port} (HOLDFAST_PORT); choose another, for example: HOLDFAST_PORT=" in sentence
    assert clone.processes() == []
