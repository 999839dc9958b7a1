"""Without these, a clone that cannot work fails somewhere in the middle, with the words of another program."""

import os
from pathlib import Path

import pytest

from deploy.local import places
from deploy.local.install import LOCK, LOCKED_UV
from deploy.local.places import Places, windows_drive
from deploy.local.trouble import Trouble

LINUX = "/dev/sdc / ext4 rw,relatime 0 0\n"
WSL_1 = LINUX + "C: /mnt/c drvfs rw,noatime 0 0\n"
WSL_2 = LINUX + "drvfs /mnt/c 9p rw,noatime,aname=drvfs;path=C:\\134;uid=1000 0 0\n"
WSL_2_VIRTIOFS = LINUX + "C:\\134 /mnt/c virtiofs rw,noatime 0 0\n"
SHARED_FOLDER = LINUX + "hostshare /mnt/c 9p rw,trans=virtio 0 0\n"


@pytest.mark.parametrize("mounts", [WSL_1, WSL_2, WSL_2_VIRTIOFS])
def test_a_clone_on_a_windows_drive_is_recognised(mounts: str) -> None:
    assert windows_drive(Path("/mnt/c/Users/you/holdfast"), mounts) == "/mnt/c"


@pytest.mark.parametrize("mounts", [LINUX, SHARED_FOLDER, ""])
def test_a_clone_elsewhere_is_not(mounts: str) -> None:
    assert windows_drive(Path("/mnt/c/holdfast"), mounts) is None


def test_a_clone_beside_a_windows_drive_is_not() -> None:
    assert windows_drive(Path("/home/you/holdfast"), WSL_2) is None
    assert windows_drive(Path("/mnt/cold/holdfast"), WSL_2) is None


def test_a_windows_drive_is_refused_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(WSL_2)
    monkeypatch.setattr(places, "MOUNTS", mounts)

    with pytest.raises(Trouble, match=r"Windows drive /mnt/c, .* clone it into your Linux home"):
        places.prepare(Places(Path("/mnt/c/holdfast/.run")))


def test_what_another_user_started_is_refused_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Places(tmp_path / ".run")
    places.prepare(run)
    monkeypatch.setattr(os, "geteuid", lambda: run.run.stat().st_uid + 1)

    with pytest.raises(Trouble, match=r"belongs to another user, number .* sudo make down-hard"):
        places.prepare(run)


def test_the_installer_is_locked_by_hash_like_what_it_installs() -> None:
    [lines] = LOCKED_UV.findall(LOCK.read_text())

    version, *hashes = lines.replace("\\\n", "").split()
    assert version.startswith("uv==")
    assert len(hashes) > 1
    assert all(one.startswith("--hash=sha256:") for one in hashes)
