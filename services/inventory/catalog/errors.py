"""How the catalogue can refuse."""

from services.inventory.catalog.model import ATTRIBUTES_MAX
from services.runtime.errors import Conflict, Invalid, NotFound


class ProductNotFound(NotFound):
    def __init__(self, key: str) -> None:
        super().__init__(f"there is no product {key!r}")


class WarehouseNotFound(NotFound):
    def __init__(self, key: str) -> None:
        super().__init__(f"there is no warehouse {key!r}")


class SkuTaken(Conflict):
    code = "sku_taken"
    title = "Sku is in use"

    def __init__(self, sku: str) -> None:
        super().__init__(f"the sku {sku!r} names another product; choose another, or change that product")


class CodeTaken(Conflict):
    code = "code_taken"
    title = "Code is in use"

    def __init__(self, code: str) -> None:
        super().__init__(f"the code {code!r} names another warehouse; choose another, or change that warehouse")


class PriceWithoutCurrency(Invalid):
    def __init__(self) -> None:
        super().__init__("price_minor and currency are given together or not at all", [{"pointer": "/currency"}])


class TooManyAttributes(Invalid):
    def __init__(self) -> None:
        super().__init__(f"a product has at most {ATTRIBUTES_MAX} attributes; remove some with null", [{"pointer": "/attributes"}])


class HasOpenReservations(Conflict):
    code = "has_open_reservations"
    title = "Units are promised"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} has units in live holds or confirmed reservations; end or fulfil those first")
