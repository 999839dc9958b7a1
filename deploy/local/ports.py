"""Which ports the stack listens on, and what to say when one is taken."""

import json
import random
import socket
from collections.abc import Collection
from pathlib import Path

from deploy.local.places import write_private
from deploy.local.trouble import Trouble

PORT_MAX = 65535
CHOSEN = range(20_000, 32_000)  # below what the kernel gives to clients: one of them could sit on the port at the next start


def check(variable: str, text: str) -> None:
    """Refuse what cannot be a port."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= PORT_MAX):
        raise Trouble(f"{variable}={text} is no port; choose a number from 1 to {PORT_MAX}")


def check_base(variable: str, text: str, *, last: int) -> None:
    """Refuse what cannot be the first of some ports, the last of which is so much higher; 0 is none of them."""
    if not (text.isascii() and text.isdigit() and 0 <= int(text) <= PORT_MAX - last):
        raise Trouble(f"{variable}={text} is no port that others can follow; choose a number from 1 to {PORT_MAX - last}, or 0 for none")


def remembered(file: Path, name: str, *, given: Collection[int], offsets: Collection[int] = (0,)) -> int:
    """A port for a server that nobody has to know by number: the one it had last time while that is free, else any free one.

    Never one of those that are given to others; none of them may listen yet. With offsets, all that lie so far above it are free too.
    """
    known: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    given = {*given, *(port for other, port in known.items() if other != name)}
    if name not in known or not _are_free(known[name], offsets, given):
        known[name] = _any_free(given, offsets)
        write_private(file, json.dumps(known) + "\n")
    return known[name]


def refuse_taken(wanted: dict[str, tuple[str, int]]) -> None:
    """Say which variable to change when a port is not to be had: `{variable: (host, port)}`."""
    first_of: dict[int, str] = {}
    for variable, (_, port) in wanted.items():
        if port in first_of:
            raise Trouble(f"{first_of[port]} and {variable} are both {port}; give each a port of its own")
        first_of[port] = variable
    taken = {variable: port for variable, (host, port) in wanted.items() if not is_free(host, port)}
    if taken:
        which = ", ".join(f"{port} ({variable})" for variable, port in taken.items())
        given = set(first_of)
        example = " ".join(f"{variable}={_any_free(given)}" for variable in taken)
        raise Trouble(f"another program listens on port {which}; choose another, for example: {example} make up")


def refuse_taken_after(variable: str, base: int, wanted: Collection[int], *, given: Collection[int]) -> None:
    """Say which of the ports that follow from a variable is not to be had."""
    taken = [port for port in wanted if port in given or not is_free("127.0.0.1", port)]
    if taken:
        raise Trouble(f"{variable}={base} means port {taken[0]} too, which is taken; choose another, or leave it to the stack to choose")


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # A connection that was closed a moment ago must not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise Trouble(f"port {port} needs more rights than you have here; choose one above 1023") from None
        except OSError:
            return False
    # macOS lets two programs bind the same port when one of them listens on every address.
    return not answers(port)


def answers(port: int) -> bool:
    """Whether something on this machine accepts connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _any_free(given: Collection[int], offsets: Collection[int] = (0,)) -> int:
    for port in random.sample(CHOSEN, k=len(CHOSEN)):
        if _are_free(port, offsets, given):
            return port
    raise Trouble(f"no port from {CHOSEN.start} to {CHOSEN.stop - 1} is free")


def _are_free(port: int, offsets: Collection[int], given: Collection[int]) -> bool:
    return all(port + offset not in given and is_free("127.0.0.1", port + offset) for offset in offsets)
