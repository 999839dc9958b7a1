"""How hard and in which order a run tests."""

import random
from typing import Protocol

import hypothesis
import pytest

from tests.support.sources import ROOT

# They start many processes and mind how fast those are: one of these tests at a time, whatever runs beside it.
_OF_PROCESSES = ("deploy", "faults", "races")
_FAR_TIMES = 3  # as long, or longer, is each round far away; and a test must end before its tokens do, in a quarter of an hour


class Rounds(Protocol):
    def __call__(self, *, quick: int, proof: int) -> int: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("holdfast")
    group.addoption("--proof", action="store_true", help="run races, kills and property tests with the full counts")
    group.addoption("--far", action="store_true", help="run races at an API whose database is 10 to 40 ms away, there and back")
    group.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in an order drawn with this seed")


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
    hypothesis.settings.register_profile("proof", max_examples=500, deadline=None)
    hypothesis.settings.load_profile("proof" if config.getoption("proof") else "quick")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(ROOT / "tests").parts[0] in _OF_PROCESSES:
            item.add_marker(pytest.mark.xdist_group("processes"))
    seed = config.getoption("shuffle")
    if seed is not None:
        random.Random(seed).shuffle(items)


@pytest.fixture
def rounds(pytestconfig: pytest.Config) -> Rounds:
    """`rounds(quick=20, proof=200)`: a few in `make test`, as many as were promised in `make proof`; never none."""

    def choose(*, quick: int, proof: int) -> int:
        if not pytestconfig.getoption("proof"):
            return quick
        return max(proof // _FAR_TIMES, 1) if pytestconfig.getoption("far") else proof

    return choose
