"""How a reservation can refuse."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from services.inventory.accounts.model import AccountId
from services.inventory.reservations.model import CANDIDATES_MAX, ReservationId, State, Transition
from services.inventory.stock.errors import PromisesInTheWay
from services.inventory.stock.model import QUANTITY_MAX, ItemId
from services.runtime.errors import Conflict, Fault, Invalid, NotFound


class ReservationNotFound(NotFound):
    def __init__(self, reservation_id: ReservationId) -> None:
        super().__init__(f"there is no reservation {reservation_id}")


class InsufficientStock(PromisesInTheWay):
    code = "insufficient_stock"
    title = "Not enough stock"
    retryable = True

    def __init__(self, faults: Sequence[Fault], *, items: Collection[ItemId], of_lines: int) -> None:
        super().__init__(f"{len(faults)} of {of_lines} lines cannot be held, so none is", faults, items=items)


class UnknownSku(Invalid):
    code = "unknown_sku"
    title = "No such product"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("some lines name a sku that no active product has", faults)


class UnknownWarehouse(Invalid):
    code = "unknown_warehouse"
    title = "No such warehouse"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("some lines name a code that no active warehouse has", faults)


class WarehouseMissing(Invalid):
    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("with the strategy 'explicit' every line names its warehouse", faults)


class LineTooLarge(Invalid):
    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        super().__init__(f"the lines for one sku in one warehouse ask for more than {QUANTITY_MAX:,} units together", faults)


class TooManyCandidates(Invalid):
    def __init__(self) -> None:
        super().__init__(f"the lines could be placed at more than {CANDIDATES_MAX} stock items; name warehouses, or send fewer lines")


class DuplicateReference(Conflict):
    code = "duplicate_reference"
    title = "Reference is in use"

    def __init__(self, account_id: AccountId, external_ref: str) -> None:
        self.account_id = account_id
        self.external_ref = external_ref
        super().__init__(f"you have a live reservation with the external_ref {external_ref!r}; confirm, change or cancel that one")


class ReservationExpired(Conflict):
    code = "reservation_expired"
    title = "Reservation is over"

    def __init__(self, reservation_id: ReservationId, expired_at: datetime) -> None:
        instant = expired_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        super().__init__(f"reservation {reservation_id} expired at {instant}; place a new one")


class IllegalTransition(Conflict):
    code = "illegal_transition"
    title = "Not possible in this state"

    def __init__(self, reservation_id: ReservationId, transition: Transition, state: State) -> None:
        self.state = state
        super().__init__(f"reservation {reservation_id} is {state}, and a {state} reservation cannot be {_DONE[transition]}")


_DONE = {
    Transition.CONFIRM: "confirmed",
    Transition.CANCEL: "cancelled",
    Transition.EXTEND: "extended",
    Transition.REPLACE_LINES: "changed",
    Transition.FULFIL: "fulfilled",
}


class UnknownLine(Invalid):
    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("the reservation has no such lines", faults)


class HoldLimitExceeded(Conflict):
    code = "hold_limit_exceeded"
    title = "Too much on hold"

    def __init__(self) -> None:
        super().__init__("your account has as much on hold as one account may; confirm or cancel something first")


class ExceedsOpenQuantity(Conflict):
    code = "exceeds_open_quantity"
    title = "More than is open"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("more units would be fulfilled than are open; nothing was changed", faults)
