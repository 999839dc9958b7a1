"""Facts and rules about stock."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

ItemId = NewType("ItemId", UUID)
MovementId = NewType("MovementId", UUID)

QUANTITY_MAX = 1_000_000  # units of one item in one line
ON_HAND_MAX = 1_000_000_000
ADJUSTMENTS_MAX = 500  # in one request: their rows stay locked until it commits
AVAILABILITY_SKUS_MAX = 200
REFERENCE_LENGTH_MAX = 200


class Reason(StrEnum):
    """Why units moved."""

    RECEIPT = "receipt"
    ADJUSTMENT = "adjustment"
    COUNT = "count"
    FULFILMENT = "fulfilment"
    RETURN = "return"
    TRANSFER_IN = "transfer_in"
    TRANSFER_OUT = "transfer_out"
    DAMAGE = "damage"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a product may lie."""

    sku: str
    warehouse: str


@dataclass(frozen=True, slots=True)
class StockSettings:
    safety_stock: int  # units kept back from new reservations
    backorder_limit: int  # how far promises may exceed what is on hand
    low_stock_at: int  # available units at which the staff hear of it; 0 is never


@dataclass(frozen=True, slots=True)
class StockItem:
    """A product in a warehouse, and its settings."""

    item_id: ItemId
    sku: str
    warehouse: str
    settings: StockSettings
    version: int


@dataclass(frozen=True, slots=True)
class Level:
    """The counters of a stock item at one moment."""

    item_id: ItemId
    sku: str
    warehouse: str
    on_hand: int
    held: int
    allocated: int
    available: int  # units of holds past their time included, which a reservation reclaims; never below 0
    safety_stock: int
    backorder_limit: int
    low_stock_at: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Available:
    sku: str
    warehouse: str
    available: int


@dataclass(frozen=True, slots=True)
class Availability:
    items: tuple[Available, ...]
    server_time: datetime


@dataclass(frozen=True, slots=True)
class Counters:
    """The hot row of a stock item, read under its lock."""

    on_hand: int
    held: int
    allocated: int
    backorder_limit: int

    @property
    def promised(self) -> int:
        return self.held + self.allocated

    @property
    def movable(self) -> int:
        """Units that can leave without breaking a promise."""
        return max(min(self.on_hand, self.on_hand + self.backorder_limit - self.promised), 0)

    def can_promise(self, more: int) -> bool:
        return self.promised + more <= self.on_hand + self.backorder_limit


@dataclass(frozen=True, slots=True)
class Change:
    """What is added to the counters of one stock item."""

    on_hand: int = 0
    held: int = 0
    allocated: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger says of every movement of one request."""

    reason: Reason
    reference: str | None
    actor: str  # the account's id


@dataclass(frozen=True, slots=True)
class Movement:
    """One row of the ledger."""

    movement_id: MovementId
    item_id: ItemId
    delta: int
    on_hand_after: int
    entry: Entry
    reservation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Adjustment:
    """Units that arrived at a place or left it."""

    sku: str
    warehouse: str
    delta: int


@dataclass(frozen=True, slots=True)
class Count:
    """What somebody counted in a place, and what they were told to expect there."""

    sku: str
    warehouse: str
    counted: int
    expected_on_hand: int


@dataclass(frozen=True, slots=True)
class Transfer:
    sku: str
    quantity: int


class OnError(StrEnum):
    """What becomes of a request of which a part is impossible."""

    REJECT_ALL = "reject_all"
    REJECT_FAILED = "reject_failed"


class OnShortage(StrEnum):
    """What becomes of holds when a count leaves fewer units than are promised."""

    REJECT = "reject"  # they stay, the count is refused
    DISPLACE = "displace"  # the newest end until the rest fits


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one place."""

    sku: str
    warehouse: str
    delta: int
    on_hand: int
    movement_id: MovementId | None  # None where a count found what was expected
