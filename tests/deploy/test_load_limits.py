"""Without these, whoever measures the API measures its limits, or loses them altogether."""

import subprocess
from pathlib import Path

import pytest

from deploy.local import environment, limits
from deploy.local.places import Places
from tests.support.sources import ROOT


def test_every_limit_and_quota_is_multiplied_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raised = environment.resolve(Places(tmp_path), limits.multiply({})).variables

    expected = {
        "HOLDFAST_RATE_LIMIT_FACTOR": "1000",
        "HOLDFAST_OPEN_HOLDS_PER_ACCOUNT": "300000",
        "HOLDFAST_UNITS_ON_HOLD_PER_SKU": "1000000",
    }
    assert {name: raised[name] for name in expected} == expected
    first, *lines = capsys.readouterr().out.splitlines()
    assert "multiplied by 1,000, and still in force" in first
    assert lines == [f"  {name}={value}" for name, value in expected.items()]


def test_what_the_caller_has_set_stays(capsys: pytest.CaptureFixture[str]) -> None:
    raised = limits.multiply({"HOLDFAST_RATE_LIMIT_FACTOR": "7", "HOLDFAST_OPEN_HOLDS_PER_ACCOUNT": ""})

    assert (raised["HOLDFAST_RATE_LIMIT_FACTOR"], raised["HOLDFAST_OPEN_HOLDS_PER_ACCOUNT"]) == ("7", "300000")
    assert "  HOLDFAST_RATE_LIMIT_FACTOR=7, as you have set it\n" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["up", "start", "dev"])
def test_make_passes_it_on_and_only_when_asked(target: str) -> None:
    assert "--load" in _what_make_would_run(target, "LOAD=1")
    assert "--load" not in _what_make_would_run(target)


def _what_make_would_run(*words: str) -> str:
    return subprocess.run(["make", "--dry-run", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout
