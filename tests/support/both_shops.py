"""Everything is done in the real shop and in the little one, and they are compared after each step."""

import itertools
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from tests.support.little_shop import LittleShop, Place, Promise, Shelf
from tests.support.real_shop import RealShop

T = TypeVar("T")

SKUS, WAREHOUSES = ("lamp", "mug"), ("near", "far")
PLACES = [(sku, code) for sku in SKUS for code in WAREHOUSES]
REFERENCE = "cart"

units = st.integers(1, 6)
deltas = st.integers(-6, 6).filter(bool)
backorder_limits, safety_stocks = st.integers(0, 3), st.integers(0, 2)
places = st.sampled_from(PLACES)
orders = st.lists(st.tuples(st.sampled_from(SKUS), st.sampled_from([None, *WAREHOUSES]), units), min_size=1, max_size=3)
picks = st.integers(0, 9)


def pick_of(choices: Sequence[T], pick: int) -> T:
    """One of what there is at that moment."""
    return choices[pick % len(choices)]


class BothShops(RuleBasedStateMachine):
    """A name stands for a reservation in both."""

    placed = Bundle("placed")

    def __init__(self, real: RealShop, little: LittleShop) -> None:
        super().__init__()
        self.real, self.little = real, little
        self.names = (f"reservation {n}" for n in itertools.count(1))

    @initialize(target=placed, backorder_limit=backorder_limits, safety_stock=safety_stocks, opening=st.integers(2, 9))
    def open(self, backorder_limit: int, safety_stock: int, opening: int) -> object:
        self.real.open(SKUS, WAREHOUSES)
        for place in PLACES:
            assert self.real.configure(place, backorder_limit=backorder_limit, safety_stock=safety_stock, is_new=True)
            self.little.shelves[place] = Shelf(0, backorder_limit, safety_stock)
        self.adjust(dict.fromkeys(PLACES, opening), is_all_or_none=True)
        placed = [name for sku in SKUS if (name := self.place([(sku, "near", 1), (sku, None, 2)]))]
        for name in placed[:1]:
            self.confirm(name)
        return multiple(*placed)

    @rule(place=places, backorder_limit=backorder_limits, safety_stock=safety_stocks)
    def configure(self, place: Place, backorder_limit: int, safety_stock: int) -> None:
        is_done = self.real.configure(place, backorder_limit=backorder_limit, safety_stock=safety_stock)
        assert is_done == self.little.configure(place, backorder_limit, safety_stock)

    @rule(changes=st.dictionaries(places, deltas, min_size=1, max_size=3), is_all_or_none=st.booleans())
    def adjust(self, changes: dict[Place, int], is_all_or_none: bool) -> None:  # noqa: FBT001  # hypothesis names them
        moved = self.real.adjust(changes, is_all_or_none=is_all_or_none)
        assert moved == self.little.adjust(changes, is_all_or_none=is_all_or_none)

    @rule(place=places, counted=st.integers(0, 12), is_sure=st.booleans(), displaces=st.booleans())
    def count(self, place: Place, counted: int, is_sure: bool, displaces: bool) -> None:  # noqa: FBT001
        expected = self.little.shelves[place].on_hand + (0 if is_sure else 1)
        is_done = self.real.count(place, counted, expected, displaces=displaces)
        assert is_done == (is_sure and self.little.count(place, counted, displaces=displaces))

    @precondition(lambda self: self.little.named("held"))
    @rule(pick=picks, short=st.integers(1, 4), is_late=st.booleans())
    def find_less(self, pick: int, short: int, is_late: bool) -> None:  # noqa: FBT001
        """Less than is promised, where some of it is held; of the oldest hold there the time may be over."""
        place = pick_of(sorted(self.little.promises[pick_of(self.little.named("held"), pick)].lines), pick)
        oldest, *_ = [name for name in self.little.named("held") if place in self.little.promises[name].lines]
        if is_late and self.place([(*place, 1)]):
            self.let_time_pass(oldest)
        counted = self.little.all_promised(place) - self.little.shelves[place].backorder_limit - short
        self.count(place, max(counted, 0), is_sure=True, displaces=True)

    @rule(sku=st.sampled_from(SKUS), count=units, is_there=st.booleans())
    def transfer(self, sku: str, count: int, is_there: bool) -> None:  # noqa: FBT001
        source, target = WAREHOUSES if is_there else WAREHOUSES[::-1]
        assert self.real.transfer(sku, source, target, count) == self.little.transfer(sku, source, target, count)

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
        """A hold takes what is left of a place, or one more than there is; then less is allowed there."""
        name = pick_of(self.little.named("held"), pick)
        place, count = pick_of(sorted(self.little.promises[name].lines.items()), pick)
        self.replace(name, [(*place, count + self.little.free(place) + more)])
        self.configure(place, 0, 0)

    def place(self, wanted: list[tuple[str, str | None, int]]) -> str | None:
        name = next(self.names)
        lines = self.little.plan_or_reclaim(wanted)
        assert self.real.place(name, wanted) == (lines is not None)
        if lines is None:
            return None
        self.little.promises[name] = Promise(lines)
        return name

    @rule(target=placed, wanted=orders)
    def put_cart(self, wanted: list[tuple[str, str | None, int]]) -> object:
        """Whose hold is over gets another, whose hold lives gets other lines."""
        name = next(self.names)
        holder = self.little.holder(REFERENCE)
        lines = self.little.plan_cart(holder, wanted)
        made_or_changed = None if lines is None else (holder or name)
        assert self.real.put_cart(REFERENCE, name, wanted) == made_or_changed
        if lines is None:
            return multiple()
        if holder:
            self.little.promises[holder].lines = lines
            return multiple()
        self.little.promises[name] = Promise(lines, reference=REFERENCE)
        return name

    @rule(first=orders, then=orders)
    def put_cart_that_is_paid(self, first: list[tuple[str, str | None, int]], then: list[tuple[str, str | None, int]]) -> None:
        """Left to chance, none of a hundred carts is."""
        self.put_cart(first)
        for name in [name for name in self.little.named("held") if self.little.promises[name].reference]:
            self.confirm(name)
            self.put_cart(then)
            self.cancel(name)

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

    @precondition(lambda self: self.little.named("confirmed"))
    @rule(pick=picks)
    def ship_what_is_missing(self, pick: int) -> None:
        """Where more may be promised than there is, a shelf can hold less than what is confirmed."""
        name = pick_of(self.little.named("confirmed"), pick)
        place = pick_of(sorted(self.little.promises[name].lines), pick)
        fewest = self.little.all_promised(place) - self.little.shelves[place].backorder_limit
        self.count(place, max(fewest, 0), is_sure=True, displaces=False)
        self.ship(name)

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
        assert sorted(self.real.ledger()) == sorted(self.little.ledger)
        assert self.real.violations() == []
