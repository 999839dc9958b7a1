"""Facts and rules about products and warehouses."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType
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


class Status(StrEnum):
    ACTIVE = "active"
    ARCHIVED = "archived"


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


@dataclass(frozen=True, slots=True)
class NewWarehouse:
    """What a person says of a warehouse; the code is normalised already."""

    code: str
    name: str
    priority: int  # the lower, the sooner a line without a warehouse is placed there


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
