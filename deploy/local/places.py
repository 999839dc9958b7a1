"""Where the local stack keeps its things: all of it under `.run/` of the clone."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from deploy.local.trouble import Trouble

ROOT = Path(__file__).resolve().parents[2]
MOUNTS = Path("/proc/mounts")
SOCKET_PATH_MAX = 100  # the kernel allows 108 bytes, 104 on macOS; supervisor adds a few while it binds
DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Places:
    """Paths under one `.run/`."""

    run: Path

    @property
    def logs(self) -> Path:
        return self.run / "log"

    @property
    def mail(self) -> Path:
        return self.run / "mail"

    @property
    def environment(self) -> Path:
        return self.run / "environment"

    @property
    def secrets(self) -> Path:
        return self.run / "secrets.json"

    @property
    def credentials(self) -> Path:
        return self.run / "credentials.json"

    @property
    def ports(self) -> Path:
        return self.run / "ports.json"

    @property
    def prometheus(self) -> Path:
        return self.run / "prometheus.yml"

    @property
    def lock(self) -> Path:
        return self.run / "lock"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def data(self, server: str) -> Path:
        return self.run / server


PLACES = Places(ROOT / ".run")


def prepare(places: Places) -> None:
    """Make the folders, or say why this clone cannot hold them."""
    refuse_windows_drive(places.run.parent)
    try:
        places.run.mkdir(exist_ok=True)
    except PermissionError as error:
        raise Trouble(f"cannot write {error.filename}; clone to a folder of your own") from None
    owner = places.run.stat().st_uid
    if owner != os.geteuid():
        raise Trouble(f"{places.run} belongs to another user, number {owner}; start as that one, or remove it with: sudo make down-hard")
    places.logs.mkdir(mode=0o700, exist_ok=True)


def refuse_windows_drive(clone: Path) -> None:
    drive = windows_drive(clone, MOUNTS.read_text(encoding="utf-8") if MOUNTS.exists() else "")
    if drive:
        raise Trouble(
            f"this clone lies on the Windows drive {drive}, where PostgreSQL cannot own its files; "
            "clone it into your Linux home, for example ~/holdfast"
        )


def windows_drive(path: Path, mounts: str) -> str | None:
    """Where the Windows drive that holds this path is mounted (WSL), or None. `mounts` is the text of /proc/mounts."""
    best = ("/", "", "")
    for line in mounts.splitlines():
        source, point, kind, options = line.split()[:4]
        if path.is_relative_to(point) and len(point) >= len(best[0]):
            best = (point, kind, f"{source} {options}")
    point, kind, about = best
    # Linux drives of WSL are ext4; 9p alone also means other things, such as shared folders of virtual machines.
    is_windows = kind == "drvfs" or (kind in ("9p", "virtiofs") and ("drvfs" in about or DRIVE.match(about) is not None))
    return point if is_windows else None


def write_private(file: Path, text: str) -> None:
    """Replace a file at once, readable by its owner only."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
    unfinished.replace(file)
