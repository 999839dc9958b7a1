"""Without this, a sequence of operations that nobody thought of leaves counters, states or ledger that contradict each other."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.runtime.database import open_database
from tests.support.broken_shops import BROKEN
from tests.support.database import Database
from tests.support.little_shop import LittleShop, Place, Promise, Shelf
from tests.support.options import Rounds
from tests.support.real_shop import RealShop
from tests.support.settings import Where
from tests.support.settings import settings as our_settings

T = TypeVar("T")

SKUS, WAREHOUSES = ("lamp", "mug"), ("near", "far")
PLACES = [(sku, code) for sku in SKUS for code in WAREHOUSES]

units = st.integers(1, 6)
places = st.sampled_from(PLACES)
orders = st.lists(st.tuples(st.sampled_from(SKUS), st.sampled_from([None, *WAREHOUSES]), units), min_size=1, max_size=3)
picks = st.integers(0, 9)


def pick_of(choices: Sequence[T], pick: int) -> T:
    """One of what there is at that moment."""
    return choices[pick % len(choices)]


class BothShops(RuleBasedStateMachine):
    """Does everything in both shops and compares them after each step."""

    placed = Bundle("placed")

    def __init__(self, real: RealShop, little: LittleShop) -> None:
        super().__init__()
        self.real, self.little = real, little
        self.names = (f"reservation {n}" for n in itertools.count(1))

    @initialize(target=placed, backorder_limit=st.integers(0, 3), safety_stock=st.integers(0, 2), opening=st.integers(2, 9))
    def open(self, backorder_limit: int, safety_stock: int, opening: int) -> object:
        self.real.open(SKUS, WAREHOUSES)
        for place in PLACES:
            self.real.set_up(place, backorder_limit=backorder_limit, safety_stock=safety_stock)
            self.little.shelves[place] = Shelf(0, backorder_limit, safety_stock)
            self.adjust(place, opening)
        placed = [name for sku in SKUS if (name := self.place([(sku, "near", 1), (sku, None, 2)]))]
        for name in placed[:1]:
            self.confirm(name)
        return multiple(*placed)

    @rule(place=places, delta=st.integers(-6, 6))
    def adjust(self, place: Place, delta: int) -> None:
        if delta:
            self.set_on_hand(place, self.little.shelves[place].on_hand + delta, is_done=self.real.adjust(place, delta), may_break=delta > 0)

    @rule(place=places, counted=st.integers(0, 12), is_sure=st.booleans(), displaces=st.booleans())
    def count(self, place: Place, counted: int, is_sure: bool, displaces: bool) -> None:  # noqa: FBT001  # hypothesis names them
        expected = self.little.shelves[place].on_hand + (0 if is_sure else 1)
        is_done = self.real.count(place, counted, expected, displaces=displaces)
        if not is_sure:
            assert not is_done
            return
        if displaces and not self.little.displace(place, counted):
            assert not is_done
            return
        self.set_on_hand(place, counted, is_done=is_done, may_break=counted >= self.little.shelves[place].on_hand)

    @precondition(lambda self: self.little.named("held"))
    @rule(pick=picks, short=st.integers(1, 4))
    def find_less(self, pick: int, short: int) -> None:
        """Less than is promised, where some of it is held."""
        place = pick_of(sorted(self.little.promises[pick_of(self.little.named("held"), pick)].lines), pick)
        promised = self.little.promised(place, "held") + self.little.promised(place, "confirmed")
        self.count(place, max(promised - self.little.shelves[place].backorder_limit - short, 0), is_sure=True, displaces=True)

    @rule(sku=st.sampled_from(SKUS), count=units, is_there=st.booleans())
    def transfer(self, sku: str, count: int, is_there: bool) -> None:  # noqa: FBT001
        source, target = WAREHOUSES if is_there else WAREHOUSES[::-1]
        shelf = self.little.shelves[sku, source]
        promised = self.little.promised((sku, source), "held") + self.little.promised((sku, source), "confirmed")
        is_possible = shelf.on_hand >= count and shelf.on_hand + shelf.backorder_limit - promised >= count
        assert self.real.transfer(sku, source, target, count) == is_possible
        if is_possible:
            shelf.on_hand -= count
            self.little.shelves[sku, target].on_hand += count

    @rule(target=placed, wanted=orders)
    def order(self, wanted: list[tuple[str, str | None, int]]) -> object:
        return self.place(wanted) or multiple()

    @precondition(lambda self: self.little.named("held"))
    @rule(target=placed, pick=picks)
    def order_what_is_over(self, pick: int) -> object:
        """Everything that a place has, which is there only once a hold whose time is over has given it back."""
        name = pick_of(self.little.named("held"), pick)
        self.let_time_pass(name)
        place, count = pick_of(sorted(self.little.promises[name].lines.items()), pick)
        return self.place([(*place, self.little.free(place) + count)]) or multiple()

    @precondition(lambda self: self.little.named("held"))
    @rule(pick=picks, more=st.integers(0, 1))
    def grow(self, pick: int, more: int) -> None:
        """A hold takes what is left of a place, or one more than there is."""
        name = pick_of(self.little.named("held"), pick)
        place, count = pick_of(sorted(self.little.promises[name].lines.items()), pick)
        self.replace(name, [(*place, count + self.little.free(place) + more)])

    def place(self, wanted: list[tuple[str, str | None, int]]) -> str | None:
        name = next(self.names)
        lines = self.little.plan_or_reclaim(wanted)
        assert self.real.place(name, wanted) == (lines is not None)
        if lines is None:
            return None
        self.little.promises[name] = Promise(lines)
        return name

    @rule(name=placed, wanted=orders)
    def replace(self, name: str, wanted: list[tuple[str, str | None, int]]) -> None:
        promise = self.little.promises[name]
        lines = self.little.plan_again(wanted, promise.lines) if promise.shown == "held" else None
        assert self.real.replace(name, wanted) == (lines is not None)
        if lines is not None:
            promise.lines = lines

    @rule(name=placed, how=st.sampled_from(("confirm", "confirm", "cancel", "extend", "ship", "let_time_pass")))
    def change(self, name: str, how: str) -> None:
        """One rule for all of them: of many rules an example uses only a few."""
        getattr(self, how)(name)

    def confirm(self, name: str) -> None:
        promise = self.little.promises[name]
        assert self.real.confirm(name) == (promise.shown in {"held", "confirmed"})
        if promise.shown == "held":
            self.little.end(name, "confirmed", "reservation.confirmed")

    def cancel(self, name: str) -> None:
        promise = self.little.promises[name]
        assert self.real.cancel(name) == (promise.shown in {"held", "confirmed", "cancelled"})
        if promise.shown in {"held", "confirmed"}:
            self.little.end(name, "cancelled", "reservation.cancelled")

    def extend(self, name: str) -> None:
        assert self.real.extend(name) == (self.little.promises[name].shown == "held")

    @precondition(lambda self: self.little.named("confirmed"))
    @rule(pick=picks, line=st.integers(0, 2), count=st.sampled_from((1, 1, 2, None)))
    def fulfil(self, pick: int, line: int, count: int | None) -> None:
        """One that is confirmed: of names drawn from all, few are."""
        self.ship(pick_of(self.little.named("confirmed"), pick), line, count)

    def ship(self, name: str, line: int = 0, count: int | None = None) -> None:
        lines = self.little.promises[name].lines
        wanted = {sorted(lines)[line % len(lines)]: count} if count else None
        assert self.real.fulfil(name, wanted) == self.little.fulfil(name, wanted)

    def let_time_pass(self, name: str) -> None:
        if self.little.promises[name].shown == "held":
            self.real.let_time_pass(name)
            self.little.promises[name].is_over = True

    @rule()
    def reap(self) -> None:
        self.real.reap()
        self.little.expire_due()

    @invariant()
    def they_agree(self) -> None:
        expected = {
            place: (shelf.on_hand, self.little.promised(place, "held"), self.little.promised(place, "confirmed"))
            for place, shelf in self.little.shelves.items()
        }
        assert self.real.counters() == expected
        assert self.real.states() == {name: one.shown for name, one in self.little.promises.items()}
        assert sorted(self.real.events()) == sorted(self.little.events)
        assert self.real.violations() == []

    def set_on_hand(self, place: Place, on_hand: int, *, is_done: bool, may_break: bool) -> None:
        shelf = self.little.shelves[place]
        promised = self.little.promised(place, "held") + self.little.promised(place, "confirmed")
        is_possible = on_hand >= 0 and (may_break or promised <= on_hand + shelf.backorder_limit)
        assert is_done == is_possible
        if is_possible:
            shelf.on_hand = on_hand


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
