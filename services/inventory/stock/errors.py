"""How stock can refuse."""

from collections.abc import Collection, Sequence

from services.inventory.stock.model import ON_HAND_MAX, ItemId
from services.runtime.errors import Conflict, Fault, Invalid, NotFound


class StockItemNotFound(NotFound):
    def __init__(self, what: str) -> None:
        super().__init__(f"there is no stock item {what}; PUT /v1/products/{{sku}}/stock/{{warehouse}} makes one")


class UnknownStockItem(Invalid):
    code = "unknown_stock_item"
    title = "No such stock item"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("some items are not stocked there; PUT /v1/products/{sku}/stock/{warehouse} makes a stock item", faults)


class DuplicateItems(Invalid):
    code = "duplicate_items"
    title = "An item is named twice"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("each sku and warehouse may appear once in a request; add the deltas up", faults)


class InsufficientOnHand(Conflict):
    code = "insufficient_on_hand"
    title = "Not that much on hand"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("more units would leave than are on hand; nothing was changed", faults)


class StockBelowReserved(Conflict):
    code = "stock_below_reserved"
    title = "Units are promised"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("fewer units would be left than reservations hold; nothing was changed", faults)


class PromisesInTheWay(Conflict):
    """Units of these items are promised; some of the promises may be over."""

    def __init__(self, detail: str, faults: Sequence[Fault] = (), *, items: Collection[ItemId]) -> None:
        self.items = items
        super().__init__(detail, faults)


class LimitBelowReserved(PromisesInTheWay):
    code = "limit_below_reserved"
    title = "Units are promised"

    def __init__(self, item_id: ItemId) -> None:
        super().__init__("reservations already rely on a higher backorder_limit; cancel some first", items=[item_id])


class CountConflict(Conflict):
    code = "count_conflict"
    title = "Stock moved while you counted"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("some places have not what you expected; compare with on_hand and count again, nothing was changed", faults)


class InsufficientAvailable(Conflict):
    code = "insufficient_available"
    title = "Not that much to move"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("more units would leave than are on hand and not promised; nothing was changed", faults)


class OnHandLimitExceeded(Conflict):
    code = "on_hand_limit_exceeded"
    title = "Too much in one place"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"no item can have more than {ON_HAND_MAX:,} units on hand; nothing was changed", faults)
