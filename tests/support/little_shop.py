"""What the whole domain should do, in forty lines a rule: an in-memory shop that the real one is compared with.

It has no races, no constraints and no SQL; it only says what is right.
"""

import itertools
from dataclasses import dataclass, field

Place = tuple[str, str]  # sku, warehouse
Lines = dict[Place, int]


@dataclass
class Shelf:
    on_hand: int = 0
    backorder_limit: int = 0
    safety_stock: int = 0


@dataclass
class Promise:
    lines: Lines
    state: str = "held"
    is_over: bool = False  # its time is over, whatever its state says
    reference: str | None = None
    shipped: Lines = field(default_factory=dict)

    @property
    def open(self) -> Lines:
        return {place: units - self.shipped.get(place, 0) for place, units in self.lines.items()} if self.is_live else {}

    @property
    def is_live(self) -> bool:
        return self.state in {"held", "confirmed"}

    @property
    def shown(self) -> str:
        return "expired" if self.state == "held" and self.is_over else self.state


class LittleShop:
    def __init__(self, warehouses: tuple[str, ...]) -> None:
        self.warehouses = warehouses  # by priority
        self.shelves: dict[Place, Shelf] = {}
        self.promises: dict[str, Promise] = {}  # in the order of their placing
        self.events: list[tuple[str, str]] = []
        self.ledger: list[tuple[Place, int, int, str]] = []  # where, how many, how many are there then, why

    def configure(self, place: Place, backorder_limit: int, safety_stock: int) -> bool:
        """False if more is promised than would be allowed."""
        shelf = self.shelves[place]
        if self.all_promised(place) > shelf.on_hand + backorder_limit:
            return False
        shelf.backorder_limit, shelf.safety_stock = backorder_limit, safety_stock
        return True

    def adjust(self, changes: Lines, *, is_all_or_none: bool) -> set[Place]:
        """Where units came or went."""
        possible = {place: delta for place, delta in changes.items() if self.can_have(place, self.shelves[place].on_hand + delta)}
        if is_all_or_none and possible != changes:
            return set()
        for place, delta in possible.items():
            self.move(place, delta, "adjustment")
        return set(possible)

    def count(self, place: Place, counted: int, *, displaces: bool) -> bool:
        if displaces and not self.displace(place, counted):
            return False
        if not self.can_have(place, counted):
            return False
        self.move(place, counted - self.shelves[place].on_hand, "count")
        return True

    def transfer(self, sku: str, source: str, target: str, units: int) -> bool:
        shelf = self.shelves[sku, source]
        if min(shelf.on_hand, shelf.on_hand + shelf.backorder_limit - self.all_promised((sku, source))) < units:
            return False
        self.move((sku, source), -units, "transfer_out")
        self.move((sku, target), units, "transfer_in")
        return True

    def can_have(self, place: Place, on_hand: int) -> bool:
        """Whether so many may lie there. More than there are now always may."""
        shelf = self.shelves[place]
        return on_hand >= shelf.on_hand or (on_hand >= 0 and self.all_promised(place) <= on_hand + shelf.backorder_limit)

    def move(self, place: Place, delta: int, reason: str) -> None:
        shelf = self.shelves[place]
        shelf.on_hand += delta
        if delta:
            self.ledger.append((place, delta, shelf.on_hand, reason))

    def all_promised(self, place: Place) -> int:
        return self.promised(place, "held") + self.promised(place, "confirmed")

    def promised(self, place: Place, state: str) -> int:
        return sum(one.open.get(place, 0) for one in self.promises.values() if one.state == state)

    def free(self, place: Place, own: Lines | None = None) -> int:
        """Units that can be promised, those included that one would give back."""
        shelf = self.shelves[place]
        return max(shelf.on_hand + shelf.backorder_limit - shelf.safety_stock - self.all_promised(place), 0) + (own or {}).get(place, 0)

    def plan(self, wanted: list[tuple[str, str | None, int]], own: Lines | None = None) -> Lines | None:
        """Where the lines go; None if one of them goes nowhere."""
        merged: dict[tuple[str, str | None], int] = {}
        for sku, warehouse, units in wanted:
            merged[sku, warehouse] = merged.get((sku, warehouse), 0) + units
        placed: Lines = {}
        for (sku, warehouse), units in sorted(merged.items(), key=lambda line: line[0][1] is None):
            options = [(sku, code) for code in self.warehouses if warehouse in {None, code}]
            fitting = [place for place in options if self.free(place, own) - placed.get(place, 0) >= units]
            if not fitting:
                return None
            placed[fitting[0]] = placed.get(fitting[0], 0) + units
        return placed

    def candidates(self, wanted: list[tuple[str, str | None, int]]) -> set[Place]:
        return {(sku, code) for sku, warehouse, _ in wanted for code in self.warehouses if warehouse in {None, code}}

    def plan_or_reclaim(self, wanted: list[tuple[str, str | None, int]], own: Lines | None = None) -> Lines | None:
        """Too little? Then holds that are over give back what they have, and we look again."""
        placed = self.plan(wanted, own)
        if placed is None:
            self.expire_due(self.candidates(wanted))
            placed = self.plan(wanted, own)
        return placed

    def plan_again(self, wanted: list[tuple[str, str | None, int]], own: Lines) -> Lines | None:
        """The lines that one has are kept where they are a way to place what is wanted."""
        options = [[(sku, code) for code in self.warehouses if warehouse in {None, code}] for sku, warehouse, _ in wanted]
        for places in itertools.product(*options):
            lines: Lines = {}
            for place, (_, _, units) in zip(places, wanted, strict=True):
                lines[place] = lines.get(place, 0) + units
            if lines == own and self.is_whole(places, wanted):
                return own
        return self.plan_or_reclaim(wanted, own)

    def is_whole(self, places: tuple[Place, ...], wanted: list[tuple[str, str | None, int]]) -> bool:
        """Lines for one product that name no warehouse are one line, and go to one."""
        chosen = {(sku, place) for place, (sku, warehouse, _) in zip(places, wanted, strict=True) if warehouse is None}
        return len(chosen) == len({sku for sku, _ in chosen})

    def holder(self, reference: str) -> str | None:
        """The live reservation with this reference. One whose time is over ends as soon as somebody asks for it."""
        for name in [name for name, one in self.promises.items() if one.reference == reference and one.state == "held" and one.is_over]:
            self.end(name, "expired", "reservation.expired")
        return next((name for name, one in self.promises.items() if one.reference == reference and one.is_live), None)

    def plan_cart(self, holder: str | None, wanted: list[tuple[str, str | None, int]]) -> Lines | None:
        """Where the lines of a new cart go, or of one that is held; None if nowhere, or if it is confirmed."""
        if holder is None:
            return self.plan_or_reclaim(wanted)
        promise = self.promises[holder]
        return self.plan_again(wanted, promise.lines) if promise.shown == "held" else None

    def named(self, shown: str) -> list[str]:
        """The reservations that are shown in this state."""
        return [name for name, one in self.promises.items() if one.shown == shown]

    def fulfil(self, name: str, wanted: Lines | None) -> bool:
        """Ship these units, or all that are open; False if that cannot be."""
        promise = self.promises[name]
        if promise.state == "fulfilled" and wanted is None:
            return True
        shipped = {place: units for place, units in (promise.open if wanted is None else wanted).items() if units}
        is_there = all(units <= min(promise.open.get(place, 0), self.shelves[place].on_hand) for place, units in shipped.items())
        if promise.state != "confirmed" or not is_there:
            return False
        for place, units in shipped.items():
            self.move(place, -units, "fulfilment")
            promise.shipped[place] = promise.shipped.get(place, 0) + units
        if not any(promise.open.values()):
            self.end(name, "fulfilled", "reservation.fulfilled")
        return True

    def end(self, name: str, state: str, event: str) -> None:
        self.promises[name].state = state
        self.events.append((name, event))

    def expire_due(self, places: set[Place] | None = None) -> None:
        for name, one in self.promises.items():
            if one.shown == "expired" and one.state == "held" and (places is None or places & one.lines.keys()):
                self.end(name, "expired", "reservation.expired")

    def displace(self, place: Place, counted: int) -> bool:
        """End the newest holds on the place until what is promised fits; False if the confirmed alone do not."""
        limit = counted + self.shelves[place].backorder_limit
        if self.promised(place, "confirmed") > limit:
            return False
        newest_first = list(reversed(self.promises.items()))
        for name, one in sorted(newest_first, key=lambda item: item[1].shown != "expired"):
            if one.state == "held" and one.lines.get(place) and self.all_promised(place) > limit:
                if one.is_over:
                    self.end(name, "expired", "reservation.expired")
                else:
                    self.end(name, "cancelled", "reservation.displaced")
        return True
