"""Without these, the pipeline checks what nobody can check at home, with more rights than it needs and code that others may replace."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tests.support.sources import ROOT

Json = dict[str, Any]

# What GitHub alone has a use for: a tool of the machine, and a comment on a pull request.
_NOT_OURS = ("sudo apt-get install ", "gh pr comment ")
_PINNED = re.compile(r"\$/\S+|[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
_MAKE = re.compile(r"make (?:-s )?([a-z][\w-]*)[^;&|`\n]*")


def texts() -> dict[str, str]:
    places = [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob(".github/actions/*/action.yml")]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in places}


def workflows() -> dict[str, Json]:
    return {name: yaml.safe_load(text) for name, text in texts().items() if "/workflows/" in name}


def unpinned(text: str) -> list[str]:
    return [used for used in re.findall(r"uses: (.+)$", text, re.MULTILINE) if not _PINNED.fullmatch(used)]


def commands(workflow: Json) -> Iterator[str]:
    for job in workflow["jobs"].values():
        yield from (step["run"] for step in job.get("steps", []) if "run" in step)


def not_for_everybody(command: str, targets: set[str]) -> bool:
    """Whether it is more than a call of make that works on any machine."""
    found = _MAKE.fullmatch(command)
    return not command.startswith(_NOT_OURS) and (found is None or found[1] not in targets)


def too_free(workflow: Json) -> Iterator[str]:
    """Who has rights that nobody wrote down, or may run for hours."""
    if workflow["permissions"] != {}:
        yield "the workflow"
    for name, job in workflow["jobs"].items():
        if "permissions" not in job or ("steps" in job and "timeout-minutes" not in job):
            yield name


def of_all(found: Mapping[str, list[str]]) -> list[str]:
    return [f"{name}: {fault}" for name, faults in found.items() for fault in faults]


def test_every_action_is_pinned_by_its_commit() -> None:
    assert of_all({name: unpinned(text) for name, text in texts().items()}) == []


def test_every_step_is_a_target_of_make() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))

    steps = {name: [each for each in commands(workflow) if not_for_everybody(each, targets)] for name, workflow in workflows().items()}

    assert of_all(steps) == []


def test_every_job_has_the_rights_that_it_names_and_an_end() -> None:
    assert of_all({name: list(too_free(workflow)) for name, workflow in workflows().items()}) == []


def test_each_rule_can_be_broken() -> None:
    assert unpinned("- uses: actions/checkout@v7\n- uses: a/b@" + "0" * 40 + "\n- uses: $/.github/actions/python") == [
        "actions/checkout@v7",
        "a/b@" + "0" * 40,
    ]
    steps = ["make test", 'make -s help >> "$GITHUB_STEP_SUMMARY"', "make tset", "make test; curl evil", "pytest"]
    assert [each for each in steps if not_for_everybody(each, {"test", "help"})] == ["make tset", "make test; curl evil", "pytest"]
    free = {"permissions": {"contents": "write"}, "jobs": {"a": {"permissions": {}, "steps": []}, "b": {"uses": "$/x"}}}
    assert list(too_free(free)) == ["the workflow", "a", "b"]
