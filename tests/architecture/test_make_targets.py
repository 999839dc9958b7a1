"""Without this, `make help` keeps a command to itself."""

import re

from tests.support.sources import ROOT


def silent_targets(makefile: str) -> list[str]:
    """Targets that people call and that have no line in `make help`."""
    declared = {name for names in re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE) for name in names.split()}
    callable_ = set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z][\w-]*):.*## \w", makefile, re.MULTILINE))
    return sorted((declared | callable_) - explained)


def test_every_make_target_has_a_help_line() -> None:
    assert silent_targets((ROOT / "Makefile").read_text()) == []


def test_the_rule_can_be_broken() -> None:
    assert silent_targets(".PHONY: up\n\nup: setup ## start\nsetup:\n\ttrue\n") == ["setup"]
