"""Without these, a deploy from the pipeline trusts any server that answers, or runs on it what somebody wrote into an image's name."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.sources import ROOT

DIGEST = "ghcr.io/me/holdfast@sha256:" + "0123456789abcdef" * 4
# In the place of ssh: it says what it was called with, and what is in the files that it was pointed to.
SSH = """#!/bin/sh
printf '%s\\n' "$@"
for word in "$@"; do
  case $word in
    */key) stat -c '%a' "$word"; cat "$word" ;;
    UserKnownHostsFile=*) cat "${word#*=}" ;;
  esac
done
exit "${STATUS:-0}"
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "ssh").write_text(SSH)
    (tmp_path / "ssh").chmod(0o755)
    return f"{tmp_path}:{os.environ['PATH']}"


def deploy(path: str, image: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "deploy" / "pipeline" / "deploy.sh"), "holdfast@staging.example", image]
    return subprocess.run(command, env={"PATH": path, **variables}, check=False, capture_output=True, text=True)


def test_the_server_is_asked_to_deploy_the_image(path: str) -> None:
    result = deploy(path, DIGEST)

    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-3:] == ["holdfast@staging.example", "/opt/holdfast/deploy/vps/deploy.sh", DIGEST]


def test_a_key_is_used_with_a_server_that_is_known_and_no_other(path: str) -> None:
    result = deploy(path, DIGEST, DEPLOY_KEY="the key", DEPLOY_KNOWN_HOSTS="staging.example ssh-ed25519 AAAA")

    assert "StrictHostKeyChecking=yes" in result.stdout
    assert result.stdout.splitlines()[-3:] == ["600", "the key", "staging.example ssh-ed25519 AAAA"]
    assert deploy(path, DIGEST, DEPLOY_KEY="the key").returncode == 1


def test_a_deploy_that_failed_fails_the_pipeline(path: str) -> None:
    assert deploy(path, DIGEST, STATUS="3").returncode == 3


@pytest.mark.parametrize("image", ["", "holdfast; reboot", "$(reboot)", "-oProxyCommand=reboot"])
def test_only_the_name_of_an_image_reaches_the_server(path: str, image: str) -> None:
    result = deploy(path, image)

    assert (result.returncode, result.stdout) == (1, "")
