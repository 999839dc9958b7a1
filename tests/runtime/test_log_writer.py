"""Without these, whoever reads the log decides how long a request takes, or half a line is taken for one."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from services.runtime import log_writer
from services.runtime.log_writer import LogWriter
from tests.support.sources import ROOT

Pipe = tuple[int, int]
SPEAK = """
from services.runtime.logs import configure_logs, log
configure_logs("json", in_background=True)
for number in range(1_000):
    log.info("shop.opened", number=number)
"""


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        try:
            os.close(end)
        except OSError:
            continue  # the test has closed it


def read_lines(reader: int, count: int) -> list[bytes]:
    read = b""
    while read.count(b"\n") < count:
        read += os.read(reader, 65_536)
    return read.splitlines()


def test_lines_arrive_whole_and_in_order(pipe: Pipe) -> None:
    reader, descriptor = pipe
    writer = LogWriter(descriptor)
    lines = [b"%d " % number + b"x" * (number % 900) for number in range(2_000)]
    received: list[bytes] = []
    reading = threading.Thread(target=lambda: received.extend(read_lines(reader, len(lines))))
    reading.start()

    for line in lines:
        writer.msg(line)

    reading.join(10)
    assert received == lines
    assert writer.dropped == 0


def test_lines_that_are_made_later_keep_their_place(pipe: Pipe) -> None:
    reader, descriptor = pipe
    writer = LogWriter(descriptor, lambda number: b"%d" % number)

    for number in range(1_000):
        if number % 100:
            writer.gather(number)
        else:
            writer.msg(b"%d" % number)

    assert read_lines(reader, 1_000) == [b"%d" % number for number in range(1_000)]


def test_what_several_write_to_one_pipe_is_not_mixed(pipe: Pipe) -> None:
    reader, descriptor = pipe
    writers = [(LogWriter(descriptor), bytes([letter]) * 300) for letter in b"abcd"]
    received: list[bytes] = []
    reading = threading.Thread(target=lambda: received.extend(read_lines(reader, 8_000)))
    reading.start()

    for _ in range(2_000):
        for writer, line in writers:
            writer.msg(line)

    reading.join(10)
    assert sorted(received) == sorted([line for _, line in writers] * 2_000)


def test_a_reader_that_is_stuck_holds_nobody_up_and_what_it_misses_is_counted(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "PENDING_MAX", 100)
    reader, descriptor = pipe
    writer = LogWriter(descriptor)

    for _ in range(5_000):
        writer.msg(b"x" * 1_000)  # a pipe takes 64 KiB, and nobody reads it

    assert 4_000 < writer.dropped < 5_000
    assert len(read_lines(reader, 5_000 - writer.dropped)) == 5_000 - writer.dropped


def test_a_reader_that_is_gone_is_survived(pipe: Pipe) -> None:
    reader, descriptor = pipe
    os.close(reader)
    writer = LogWriter(descriptor)

    writer.msg(b"a line")
    writer.close()

    assert writer.dropped == 1


def test_the_last_lines_of_a_process_are_written() -> None:
    said = subprocess.run([sys.executable, "-c", SPEAK], cwd=ROOT, check=True, capture_output=True, text=True).stdout

    assert [json.loads(line)["number"] for line in said.splitlines()] == list(range(1_000))
