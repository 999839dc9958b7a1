"""Without these, a contract about imports may be kept because it forbids nothing."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.sources import ROOT

_LINTER = Path(sys.executable).with_name("lint-imports")
_NO_CYCLES = "10"

# One deliberate violation for each contract: files that are added, or lines that are appended to a file.
_VIOLATIONS: Mapping[str, Mapping[str, str]] = {
    "1": {"services/api/planted.py": "import services.worker.app"},
    "1 exhaustive": {"services/drawer/__init__.py": ""},
    "2 and cycle": {"services/inventory/catalog/commands.py": "import services.inventory.stock.commands"},
    "2 exhaustive": {"services/inventory/pricing/__init__.py": ""},
    "3 and cycle": {"services/inventory/stock/store.py": "import services.inventory.stock.commands"},
    "3 exhaustive": {"services/inventory/stock/planted.py": ""},
    "4": {"services/runtime/planted.py": "import celery"},
    "5": {"services/inventory/catalog/model.py": "import pydantic"},
    "6": {"services/inventory/stock/commands.py": "import services.inventory.stock.tables"},
    "7": {"services/api/routes/planted.py": "import services.api.routes.products"},
    "8": {"services/worker/tasks/planted.py": "import services.worker.tasks.email"},
    "9": {"services/api/planted.py": "import services.api.main"},
    "9 deploy": {"services/cli/planted.py": "import deploy.local.postgres"},
    "10": {"services/runtime/chicken.py": "import services.runtime.egg", "services/runtime/egg.py": "import services.runtime.chicken"},
}


def broken_contracts(tree: Path) -> list[str]:
    """The numbers of the contracts that lint-imports finds broken there."""
    # The colours would stand between a contract's name and the verdict.
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"}
    result = subprocess.run([_LINTER, "--no-cache"], cwd=tree, env=environment, check=False, capture_output=True, text=True)
    verdicts = re.findall(r"^(\d+) .* (KEPT|BROKEN)", result.stdout, re.MULTILINE)
    assert len(verdicts) == 10, result.stdout
    assert (result.returncode == 0) == all(verdict == "KEPT" for _, verdict in verdicts)
    return [number for number, verdict in verdicts if verdict == "BROKEN"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("services", "deploy"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_code_keeps_every_contract(tree: Path) -> None:
    assert broken_contracts(tree) == []


@pytest.mark.parametrize("violation", _VIOLATIONS)
def test_each_contract_can_be_broken(tree: Path, violation: str) -> None:
    for name, lines in _VIOLATIONS[violation].items():
        (tree / name).parent.mkdir(exist_ok=True)
        with (tree / name).open("a") as file:
            file.write(f"\n{lines}\n")

    number, *remark = violation.split(" ", 1)
    assert broken_contracts(tree) == [number, *([_NO_CYCLES] if remark == ["and cycle"] else [])]
