"""How a database server gets its folder, and how root gives up being root before it starts.

PostgreSQL refuses to run as root, and a broker that obeys everybody on the machine should not be able to write everywhere. So root
becomes the owner of the data, or `nobody` for a new folder. That user may be unable to walk to a clone under /root: the open
descriptor of the folder is its way in, and the programs are copied to where everybody may read.
"""

import fcntl
import os
import pwd
import shutil
import sys
import tempfile
import time
from pathlib import Path

LOCK_WAIT_SECONDS_MAX = 20  # orphans of a killed server finish their statement first, which takes 5 s at most
READ_AND_ENTER = 0o005  # the bits for everybody else
LOCK_POLL_SECONDS = 0.05
OPEN_DESCRIPTORS = Path("/proc/self/fd")
PROGRAMS_FOR_ALL = Path("/var/cache/holdfast")  # only root can write there, so nobody else can plant a program


def take_folder(data: Path) -> Path:
    """Create and lock the data folder, stop being root, and return the path by which a server reaches the folder from now on.

    The lock lives as long as any process that descends from this one, so a restart waits for orphans instead of meeting them.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data, os.O_RDONLY)
    except PermissionError:
        sys.exit(f"{data} belongs to another user; start as that user, or give the folder to {pwd.getpwuid(os.geteuid()).pw_name}")
    os.set_inheritable(descriptor, True)
    _lock(descriptor, data)
    if os.geteuid() != 0:
        return data.resolve()
    _become_owner(descriptor)
    return _way_in(descriptor, data)


def _lock(descriptor: int, data: Path) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS_MAX
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit(f"{data} is in use by another server; stop that one first")
            time.sleep(LOCK_POLL_SECONDS)


def _become_owner(descriptor: int) -> None:
    """Keep a folder with the ordinary user who made it, so that this user can still start the stack after root did."""
    owner = os.fstat(descriptor)
    nobody = pwd.getpwnam("nobody")
    uid, gid = (owner.st_uid, owner.st_gid) if owner.st_uid != 0 else (nobody.pw_uid, nobody.pw_gid)
    os.fchown(descriptor, uid, gid)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _way_in(descriptor: int, data: Path) -> Path:
    if OPEN_DESCRIPTORS.is_dir():
        # Following the descriptor asks no permission of the folders above, which may be closed to this user.
        return OPEN_DESCRIPTORS / str(descriptor)
    if not is_open_to_all(data.parent):
        sys.exit(
            f"{data} lies where only root may go, and the server cannot run as root; clone to another folder, or start as an ordinary user"
        )
    return data.resolve()


def is_open_to_all(path: Path) -> bool:
    """Whether every user may read this file or folder and walk to it."""
    real = path.resolve()
    return real.stat().st_mode & READ_AND_ENTER == READ_AND_ENTER and all(parent.stat().st_mode & 0o001 for parent in real.parents)


def programs_for_all(package: Path, *, sample: str, version: str) -> Path:
    """The installed package, or for root a copy of it when other users cannot reach the sample file in it."""
    if os.geteuid() != 0 or is_open_to_all(package / sample):
        return package
    copy = PROGRAMS_FOR_ALL / f"{package.name}-{version}"
    if not copy.exists():
        _publish(package, copy)
    return copy / package.name


def _publish(package: Path, copy: Path) -> None:
    copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    copy.parent.chmod(0o755)
    unfinished = Path(tempfile.mkdtemp(dir=copy.parent))
    # A wheel for Linux keeps the libraries of its programs in a folder beside the package.
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, unfinished / folder.name, symlinks=True)
    _open_to_all(unfinished)
    try:
        unfinished.rename(copy)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not copy.exists():  # otherwise another process published the same programs first
            raise


def _open_to_all(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
