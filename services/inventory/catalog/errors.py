"""How the catalogue can refuse."""

from services.runtime.errors import Conflict, NotFound


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
