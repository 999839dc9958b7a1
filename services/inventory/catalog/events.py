"""What the catalogue tells the rest of the world: which copies of it are no longer true."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.inventory.catalog.model import ProductId, WarehouseId


@dataclass(frozen=True, slots=True)
class ProductChanged:
    name: ClassVar[str] = "product.changed"
    product_id: ProductId
    sku: str

    @property
    def entity_id(self) -> UUID:
        return self.product_id


@dataclass(frozen=True, slots=True)
class WarehouseChanged:
    name: ClassVar[str] = "warehouse.changed"
    warehouse_id: WarehouseId
    code: str

    @property
    def entity_id(self) -> UUID:
        return self.warehouse_id
