"""Without this, a sequence of operations that nobody thought of leaves counters, states or ledger that contradict each other."""

import asyncio

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from services.runtime.database import open_database
from tests.support.both_shops import WAREHOUSES, BothShops
from tests.support.broken_shops import BROKEN
from tests.support.database import Database
from tests.support.little_shop import LittleShop
from tests.support.options import Rounds
from tests.support.real_shop import RealShop
from tests.support.settings import Where
from tests.support.settings import settings as our_settings


def compare(database: Database, little: type[LittleShop], chosen: settings) -> None:
    with asyncio.Runner() as loop:
        opened = open_database(our_settings(Where(database_url=database.url)), application="tests")
        ours = loop.run(opened.__aenter__())
        try:
            run_state_machine_as_test(lambda: BothShops(RealShop(loop, ours), little(WAREHOUSES)), settings=chosen)  # type: ignore[arg-type]  # it takes any callable
        finally:
            loop.run(opened.__aexit__(None, None, None))


def steps(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],  # a failure is found in seconds and would take minutes to shrink
        suppress_health_check=list(HealthCheck),
    )


def test_whatever_is_done_in_whatever_order_the_shop_is_what_a_simple_one_would_be(database: Database, rounds: Rounds) -> None:
    compare(database, LittleShop, steps(rounds(quick=20, proof=300)))


@pytest.mark.parametrize("broken", BROKEN)
def test_a_shop_that_is_simpler_than_it_should_be_is_found_out(database: Database, broken: type[LittleShop]) -> None:
    with pytest.raises(AssertionError):
        compare(database, broken, settings(steps(20), derandomize=True))
