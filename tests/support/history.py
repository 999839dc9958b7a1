"""What many clients did to reservations and what they were told; and whether one shop, serving them one by one, could have said it.

Every deed ends with an answer: who is cut off or shed asks again with the same key. A reservation counts its changes, and each answer
names the version that it made, so the order in which one reservation was changed is known; only between reservations it is not.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_RANK = {"held": 0, "confirmed": 1, "cancelled": 2}
_LEADS_TO = {"place": "held", "extend": "held", "confirm": "confirmed", "cancel": "cancelled"}
_CLOCK_SECONDS = 2.0  # what a reservation's end may be off by: nobody else sees the database's clock


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody did, under one key, from their first request to the answer."""

    verb: str  # place, confirm, extend or cancel
    reservation: str  # empty: refused when it was to be placed
    sku: str
    units: int
    started: float  # by time.time()
    ended: float
    code: str | None = None  # why it was refused
    version: int = 0
    state: str = ""
    expires_at: float = 0.0

    @property
    def is_done(self) -> bool:
        return self.code is None


@dataclass(frozen=True, slots=True)
class Found:
    """A reservation as it is in the end, when all holds whose time is over have ended."""

    reservation: str
    state: str
    version: int


def unexplained(deeds: Sequence[Deed], found: Sequence[Found], on_hand: int) -> Iterator[str]:
    """A sentence for everything that no order of the deeds explains; of each sku there were so many units."""
    of_reservation: dict[str, list[Deed]] = defaultdict(list)
    for deed in deeds:
        if deed.reservation:
            of_reservation[deed.reservation].append(deed)
    ends = {one.reservation: one for one in found}
    yield from (f"{name} was acknowledged and is not there" for name in of_reservation.keys() - ends.keys())
    yield from (f"{name} is there and nobody placed it" for name in ends.keys() - of_reservation.keys())
    for name in of_reservation.keys() & ends.keys():
        yield from _of_one(of_reservation[name], ends[name])
    yield from _of_stock(deeds, of_reservation, on_hand)


def _of_one(deeds: list[Deed], end: Found) -> Iterator[str]:
    done = sorted((deed for deed in deeds if deed.is_done), key=lambda deed: (deed.version, deed.ended))
    yield from (f"{deed.verb} of {deed.reservation} led to {deed.state}" for deed in done if _LEADS_TO[deed.verb] != deed.state)
    for earlier, later in itertools.pairwise(done):
        if _RANK[later.state] < _RANK[earlier.state] or (earlier.version == later.version and earlier.state != later.state):
            yield f"{end.reservation} was {earlier.state} in version {earlier.version} and {later.state} in {later.version}"
        if later.ended < earlier.started:
            yield f"{end.reservation} was in version {later.version} before {earlier.version}"
        if earlier.version == later.version and {earlier.verb, later.verb} & {"place", "extend"}:
            yield f"two made version {later.version} of {end.reservation}"
    made = {deed.version for deed in done} | ({end.version} if end.state == "expired" else set())
    if made != set(range(1, end.version + 1)):
        yield f"{end.reservation} was changed {end.version} times, and only {sorted(made)} were acknowledged"
    if end.state not in {done[-1].state, "expired"} or (end.state == "expired" and done[-1].state != "held"):
        yield f"{end.reservation} was {done[-1].state} at last and is {end.state}"
    for refused in deeds:
        yield from _of_refusal(refused, done)


def _of_refusal(refused: Deed, done: list[Deed]) -> Iterator[str]:
    if refused.is_done:
        return
    before = [deed for deed in done if deed.started <= refused.ended]  # those that may have come first
    after = [deed for deed in done if deed.started > refused.ended]
    match refused.code:
        case "reservation_expired":
            latest = max((deed.expires_at for deed in done if deed.ended < refused.started), default=0.0)
            is_revived = any(deed.version > max(one.version for one in before) for deed in after)
            is_explained = not is_revived and latest < refused.ended + _CLOCK_SECONDS
        case "illegal_transition":
            is_explained = any(_RANK[deed.state] > _RANK["held"] for deed in before)
        case _:
            is_explained = False
    if not is_explained:
        yield f"{refused.verb} of {refused.reservation} was refused with {refused.code}"


def _of_stock(deeds: Sequence[Deed], of_reservation: dict[str, list[Deed]], on_hand: int) -> Iterator[str]:
    """More units promised than there were at some moment, or a refusal though there were enough all the time."""
    certain: dict[str, list[tuple[float, int]]] = defaultdict(list)  # what is promised from and until when, if anything is
    possible: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for changes in of_reservation.values():
        placed = next(deed for deed in changes if deed.verb == "place")
        first, last = _certain_end(changes), _possible_end(changes)
        certain[placed.sku] += [(placed.ended, placed.units), (first, -placed.units)] if placed.ended < first else []
        possible[placed.sku].append((placed.started, last, placed.units))
    for sku, moments in certain.items():
        promised = 0
        for _, units in sorted(moments):
            promised += units
            if promised > on_hand:
                yield f"{promised} units of {sku} were promised at once"
                break
    for deed in deeds:
        if deed.code == "insufficient_stock":
            at_most = sum(units for since, until, units in possible[deed.sku] if since <= deed.ended and until >= deed.started)
            if on_hand - at_most >= deed.units:
                yield f"{deed.units} of {deed.sku} were refused, and at most {at_most} were promised"


def _certain_end(changes: list[Deed]) -> float:
    """Before this nobody else can have had its units."""
    cancelled = [deed.started for deed in changes if deed.verb == "cancel" and deed.is_done]
    is_confirmed = any(deed.verb == "confirm" and deed.is_done for deed in changes)
    over = [] if is_confirmed else [min(deed.expires_at for deed in changes if deed.is_done) - _CLOCK_SECONDS]
    return min([*cancelled, *over], default=float("inf"))


def _possible_end(changes: list[Deed]) -> float:
    """After this anybody else can have had its units."""
    cancelled = [deed.ended for deed in changes if deed.verb == "cancel" and deed.is_done]
    if cancelled:
        return max(cancelled)
    is_confirmed = any(deed.verb == "confirm" and deed.is_done for deed in changes)
    return float("inf") if is_confirmed else max(deed.expires_at for deed in changes if deed.is_done) + _CLOCK_SECONDS
