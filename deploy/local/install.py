"""Make the virtual environment and install the locked packages into it: `make setup`.

This runs on the system's Python before anything is installed, so it imports nothing that would have to be.
"""

import importlib.util
import re
import shlex
import subprocess
import sys
import time
import venv
from pathlib import Path

from deploy.local.places import ROOT, refuse_windows_drive
from deploy.local.trouble import Trouble

ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
LOCK = ROOT / "requirements-dev.txt"
STAMP = ENVIRONMENT / "installed"  # the Makefile installs again when the lock is younger than this file
LOCKED_UV = re.compile(r"^uv==(?:.*\\\n)*.*", re.MULTILINE)  # its version and hashes, on lines that continue each other


def main() -> None:
    began = time.monotonic()
    try:
        refuse_windows_drive(ROOT)
    except Trouble as trouble:
        sys.exit(f"setup: {trouble}")
    _make_environment()
    _install()
    _write_holdfast()
    STAMP.touch()
    say(f"packages installed in {time.monotonic() - began:.1f} s")


def say(sentence: str) -> None:
    """To the error stream: `$(make token)` must yield a token and nothing else."""
    print(f"setup: {sentence}", file=sys.stderr, flush=True)


def _make_environment() -> None:
    if _works(PYTHON, "import sys, pip; sys.exit(sys.version_info < (3, 11))"):
        return
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            package = f"python3.{sys.version_info.minor}-venv"
            say(f"{sys.executable} has no module {module}, which makes virtual environments")
            sys.exit(f"setup: on Debian and Ubuntu: sudo apt install {package}")
    say(f"making .venv with Python {sys.version.split()[0]}")
    venv.create(ENVIRONMENT, clear=True, symlinks=True, with_pip=True)


def _works(python: Path, statement: str) -> bool:
    try:
        return subprocess.run([python, "-c", statement], capture_output=True, check=False).returncode == 0
    except OSError:  # missing, or a link to a Python that is gone
        return False


def _install() -> None:
    say(f"installing the packages of {LOCK.name}")
    locked = ["--require-hashes", "-r", str(LOCK)]
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    uv = [str(PYTHON), "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON)]
    # pip alone takes three times as long, so it installs uv, and uv the rest; both compare hashes with the lock.
    of_uv = ENVIRONMENT / "uv.txt"
    of_uv.write_text("".join(LOCKED_UV.findall(LOCK.read_text(encoding="utf-8"))), encoding="utf-8")
    if _run([*pip, "--require-hashes", "-r", str(of_uv)]) and _run([*uv, *locked]):
        return
    say("uv could not install them; trying with pip, which is slower and reads its own settings")
    if not _run([*pip, *locked]):
        sys.exit("setup: the packages could not be installed; the lines above say why")


def _run(command: list[str]) -> bool:
    return subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode == 0


def _write_holdfast() -> None:
    """A script that works from any folder, however long or odd the path of the clone is."""
    script = ENVIRONMENT / "bin" / "holdfast"
    command = f'PYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(str(PYTHON))} -P -m services.cli.main "$@"'
    script.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    script.chmod(0o755)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("setup: interrupted; the next make goes on")
