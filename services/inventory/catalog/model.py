"""Facts and rules about products and warehouses."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType, TypedDict
from uuid import UUID

ProductId = NewType("ProductId", UUID)
WarehouseId = NewType("WarehouseId", UUID)

CODE_LENGTH_MAX = 200  # of a sku or a warehouse's code, in characters
NAME_LENGTH_MAX = 200
DESCRIPTION_LENGTH_MAX = 4_000
CATEGORY_LENGTH_MAX = 100
ATTRIBUTES_MAX = 50
PRICE_MINOR_MAX = 10**12
PRIORITY_MAX = 10_000
PRIORITY_DEFAULT = 100


class Status(StrEnum):
    ACTIVE = "active"
    ARCHIVED = "archived"


class ProductSort(StrEnum):
    """With - from the last to the first."""

    SKU = "sku"
    SKU_DESCENDING = "-sku"
    NAME = "name"
    NAME_DESCENDING = "-name"
    PRICE = "price_minor"
    PRICE_DESCENDING = "-price_minor"
    CREATION = "created_at"
    CREATION_DESCENDING = "-created_at"
    UPDATE = "updated_at"
    UPDATE_DESCENDING = "-updated_at"


class WarehouseSort(StrEnum):
    """With - from the last to the first."""

    CODE = "code"
    CODE_DESCENDING = "-code"
    NAME = "name"
    NAME_DESCENDING = "-name"
    PRIORITY = "priority"
    PRIORITY_DESCENDING = "-priority"
    CREATION = "created_at"
    CREATION_DESCENDING = "-created_at"
    UPDATE = "updated_at"
    UPDATE_DESCENDING = "-updated_at"


@dataclass(frozen=True, slots=True)
class NewProduct:
    """What a person says of a product; the sku is normalised already."""

    sku: str
    name: str
    description: str | None = None
    category: str | None = None
    attributes: Mapping[str, str | int | bool] = field(default_factory=dict)
    price_minor: int | None = None  # cents, pence: the currency's smallest unit
    currency: str | None = None  # ISO 4217


@dataclass(frozen=True, slots=True)
class Product:
    product_id: ProductId
    sku: str
    name: str
    description: str | None
    category: str | None
    attributes: Mapping[str, str | int | bool]
    price_minor: int | None
    currency: str | None
    status: Status
    created_at: datetime
    updated_at: datetime
    version: int


class ProductPatch(TypedDict, total=False):
    """What a merge-patch says of a product: a member that is absent stays, None removes it."""

    name: str
    description: str | None
    category: str | None
    attributes: Mapping[str, str | int | bool | None] | None
    price_minor: int | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class NewWarehouse:
    """What a person says of a warehouse; the code is normalised already."""

    code: str
    name: str
    priority: int = PRIORITY_DEFAULT  # the lower, the sooner a line without a warehouse is placed there


@dataclass(frozen=True, slots=True)
class Warehouse:
    warehouse_id: WarehouseId
    code: str
    name: str
    priority: int
    status: Status
    created_at: datetime
    updated_at: datetime
    version: int


class WarehousePatch(TypedDict, total=False):
    """What a merge-patch says of a warehouse."""

    name: str
    priority: int | None


def merge_product(product: Product, patch: ProductPatch) -> NewProduct:
    """The product as the patch wants it (RFC 7396): attributes are merged one by one, as an object within an object is."""
    return NewProduct(
        sku=product.sku,
        name=patch.get("name", product.name),
        description=patch.get("description", product.description),
        category=patch.get("category", product.category),
        attributes=_merge(product.attributes, patch["attributes"]) if "attributes" in patch else product.attributes,
        price_minor=patch.get("price_minor", product.price_minor),
        currency=patch.get("currency", product.currency),
    )


def merge_warehouse(warehouse: Warehouse, patch: WarehousePatch) -> NewWarehouse:
    """The warehouse as the patch wants it; without a priority it has the one that a new warehouse gets."""
    priority = patch.get("priority", warehouse.priority)
    return NewWarehouse(warehouse.code, patch.get("name", warehouse.name), PRIORITY_DEFAULT if priority is None else priority)


def _merge(old: Mapping[str, str | int | bool], patch: Mapping[str, str | int | bool | None] | None) -> Mapping[str, str | int | bool]:
    merged = {**old, **patch} if patch is not None else {}
    return {name: value for name, value in merged.items() if value is not None}


def normalise_code(code: str) -> str:
    """The one form of a sku or a warehouse's code: NFC, so that two spellings of é are one sku.

    Case matters. Raises ValueError, with a sentence, for what could not be typed, seen or told from an id.
    """
    code = unicodedata.normalize("NFC", code)
    if not 1 <= len(code) <= CODE_LENGTH_MAX:
        raise ValueError(f"must have 1 to {CODE_LENGTH_MAX} characters")
    if code != code.strip() or any(unicodedata.category(character) in {"Cc", "Cs"} for character in code):
        raise ValueError("must have no control characters and no blanks around it")
    if code in {".", ".."} or as_id(code) is not None:
        raise ValueError("must not be '.', '..' or a UUID, which stand for other things in a path")
    return code


def as_id(text: str) -> UUID | None:
    """The id that the text spells in its usual form of 36 characters; None if it is a sku or a code."""
    try:
        return UUID(text) if len(text) == len(str(UUID(int=0))) else None
    except ValueError:
        return None
