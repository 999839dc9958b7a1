"""Facts and rules about reservations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from services.inventory.accounts.model import AccountId
from services.inventory.stock.model import ItemId

ReservationId = NewType("ReservationId", UUID)

LINES_MAX = 50
CANDIDATES_MAX = 64  # stock items that one order may lock; reserve.sql refuses more
HOLD_SECONDS_MAX = 7_200  # a longer hold is a way to keep goods from everybody else
HOLD_SECONDS_DEFAULT = 600
LIFE_SECONDS_MAX = 7_200  # extending never carries a hold further from its creation
# Its owner is reminded of a hold this long before its end, if there was time to forget it. With hardly any time left, a mail would
# arrive when all is over.
REMINDED_SECONDS_BEFORE = 120
REMINDED_SECONDS_MIN = 30
HOLD_SECONDS_REMINDED_MIN = 300
EXTERNAL_REF_LENGTH_MAX = 200
REASON_LENGTH_MAX = 200
METADATA_BYTES_MAX = 4_096
OUR_REASONS = frozenset({"expired", "displaced", "fulfilled"})  # how a reservation ended when nobody cancelled it


class State(StrEnum):
    HELD = "held"
    CONFIRMED = "confirmed"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Transition(StrEnum):
    CONFIRM = "confirm"
    CANCEL = "cancel"
    EXTEND = "extend"
    REPLACE_LINES = "lines"
    FULFIL = "fulfilments"


# Where each transition may start. A state that is not named here never changes.
LEGAL_FROM: Mapping[Transition, frozenset[State]] = {
    Transition.CONFIRM: frozenset({State.HELD}),
    Transition.CANCEL: frozenset({State.HELD, State.CONFIRMED}),
    Transition.EXTEND: frozenset({State.HELD}),
    Transition.REPLACE_LINES: frozenset({State.HELD}),
    Transition.FULFIL: frozenset({State.CONFIRMED}),
}
# Making one of these again changes nothing.
LEADS_TO: Mapping[Transition, State] = {
    Transition.CONFIRM: State.CONFIRMED,
    Transition.CANCEL: State.CANCELLED,
    Transition.FULFIL: State.FULFILLED,
}


class Strategy(StrEnum):
    """How a line without a warehouse finds one."""

    PRIORITY = "priority"  # the first warehouse, by priority, that can take the whole line
    EXPLICIT = "explicit"  # it does not: every line must name its warehouse


@dataclass(frozen=True, slots=True)
class Quota:
    """How much one account may have on hold, so that nobody can hoard."""

    holds_max: int
    units_of_a_sku_max: int


@dataclass(frozen=True, slots=True)
class OrderLine:
    sku: str
    quantity: int
    warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer asks to have held."""

    lines: tuple[OrderLine, ...]
    strategy: Strategy = Strategy.PRIORITY
    hold_seconds: int = HOLD_SECONDS_DEFAULT
    external_ref: str | None = None
    metadata: Mapping[str, object] | None = None  # None: none, or as it was
    quota: Quota | None = None  # None for those who may hold as much as they like


@dataclass(frozen=True, slots=True)
class Shipment:
    """Units of one line that leave the warehouse."""

    sku: str
    warehouse: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Line:
    item_id: ItemId
    sku: str
    warehouse: str
    quantity: int
    fulfilled: int = 0
    released: int = 0

    @property
    def open(self) -> int:
        """Units that are still promised."""
        return self.quantity - self.fulfilled - self.released


@dataclass(frozen=True, slots=True)
class Reservation:
    reservation_id: ReservationId
    account_id: AccountId
    external_ref: str | None
    state: State  # a hold past its time reads as expired
    lines: tuple[Line, ...]
    created_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None
    closed_at: datetime | None
    close_reason: str | None
    version: int
    metadata: Mapping[str, object]
    read_at: datetime  # by the database's clock; state is as of this instant

    def may(self, transition: Transition) -> bool:
        return self.state in LEGAL_FROM[transition]

    @property
    def is_about_to_end(self) -> bool:
        """Whether to say so is still true and of use."""
        left = (self.expires_at - self.read_at).total_seconds()
        return self.state is State.HELD and REMINDED_SECONDS_MIN <= left <= REMINDED_SECONDS_BEFORE


class ProblemKind(StrEnum):
    """As plan_order.sql calls them."""

    UNKNOWN_SKU = "unknown_sku"
    UNKNOWN_WAREHOUSE = "unknown_warehouse"
    TOO_LARGE = "too_large"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one line of an order cannot be placed."""

    line: int  # its position in the request, from 0
    kind: ProblemKind
    sku: str
    warehouse: str | None
    requested: int
    available: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the lines of an order can be placed."""

    problems: tuple[Problem, ...]
    units: Mapping[ItemId, int]
    candidates: frozenset[ItemId]  # every stock item that a line could have


@dataclass(frozen=True, slots=True)
class Refused:
    """What came of an order that was not placed."""

    problems: tuple[Problem, ...]
    items: tuple[ItemId, ...]  # the stock items that it could have had
    is_reclaimable: bool  # some hold is over, so that asking again after expire_due may help


@dataclass(frozen=True, slots=True)
class Placed:
    reservation: Reservation
    is_replay: bool


@dataclass(frozen=True, slots=True)
class Violation:
    """A stored number that does not follow from the rest."""

    what: str  # held, allocated, on_hand, or a reservation that ended with open units
    item_id: ItemId
    sku: str
    warehouse: str
    stored: int
    derived: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    checked_at: datetime
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Repair:
    repaired: Sequence[Violation]
    left: Sequence[Violation]  # more is promised than there is
