"""Clones of this repository: one whose stack runs for the whole test run, and one in which nothing runs yet."""

from collections.abc import Iterator

import pytest

from tests.deploy.clone import Clone


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A stack that was started in the background; who harms it waits until it is well again."""
    clone = Clone(tmp_path_factory.mktemp("stack"))
    try:
        started = clone.run("start")
        assert started.returncode == 0, started.stdout + started.stderr
        yield clone
    finally:
        clone.run("stop")


@pytest.fixture(scope="session")
def _idle(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone(tmp_path_factory.mktemp("idle"), api_workers=1)  # it starts in many tests


@pytest.fixture
def clone(_idle: Clone) -> Iterator[Clone]:
    """A clone in which nothing runs; it keeps its data from test to test, as a person's does."""
    yield _idle
    _idle.run("stop")
