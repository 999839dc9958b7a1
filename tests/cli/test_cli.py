"""Without these, an operator starts with settings that cannot work, and hears of it from customers."""

import subprocess
import sys

import pytest

from tests.support.settings import Where, environment
from tests.support.sources import ROOT

HERE = Where(database_url="postgresql://me:hunter2@127.0.0.1:1/none")


def holdfast(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.cli.main", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(HERE) | variables, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("command", [("config", "check"), ("migrate",)])
def test_a_weak_secret_stops_every_command_and_is_not_shown(command: tuple[str, ...]) -> None:
    result = holdfast(*command, HOLDFAST_TOKEN_SECRET="hunter2", HOLDFAST_PORT="0")  # a weak one

    assert (result.returncode, result.stdout) == (1, "")
    assert [sentence.split()[0] for sentence in result.stderr.splitlines()] == ["HOLDFAST_TOKEN_SECRET", "HOLDFAST_PORT"]
    assert "hunter2" not in result.stderr


def test_without_a_command_it_says_what_it_can_do() -> None:
    result = holdfast()

    assert "migrate" in result.stdout + result.stderr
    assert "config" in result.stdout + result.stderr


@pytest.mark.parametrize("module", ["services.api", "services.worker.relay"])
def test_no_process_starts_with_a_weak_secret(module: str) -> None:
    variables = environment(HERE) | {"HOLDFAST_PASSWORD_PEPPER": "hunter2"}

    result = subprocess.run([sys.executable, "-m", module], cwd=ROOT, env=variables, check=False, capture_output=True, text=True)

    assert result.returncode == 1
    assert result.stderr.startswith("HOLDFAST_PASSWORD_PEPPER is weak")
    assert "hunter2" not in result.stderr
    assert "Traceback" not in result.stderr
