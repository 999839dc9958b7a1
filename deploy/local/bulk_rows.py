"""What the many products of `make seed` look like, each worked out from its number: the same anywhere, and nothing to remember."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.inventory.catalog.model import NewProduct, NewWarehouse, Status
from services.inventory.stock.model import StockSettings

SKU_PREFIX = "BULK-"
WAREHOUSES = tuple(NewWarehouse(f"BULK-{n:02}", f"Big warehouse {n}", priority=1_000 + n) for n in range(1, 11))  # after all others
CURRENCY = "EUR"
FIRST_MADE_AT = datetime(2025, 1, 1, tzinfo=UTC)
MADE_EVERY = timedelta(seconds=30)  # the last of a million products is then a year younger than the first
LOW_STOCK_AT = 5

# A word for each number. Their counts have no common factor, so that every word meets every other; categories differ in size.
NOUNS = {
    "bags": ("backpack", "duffel", "satchel", "wallet"),
    "bath": ("bath mat", "brush", "shampoo", "towel"),
    "bike": ("chain", "helmet", "pump", "saddle", "tyre"),
    "clothing": ("belt", "cardigan", "dress", "gloves", "hat", "jacket", "jeans", "pyjamas", "shirt", "skirt", "socks", "sweater", "vest"),
    "garden": ("hose", "rake", "shovel", "trellis", "wheelbarrow"),
    "home": ("carpet", "clock", "curtain", "lamp", "mirror", "shelf", "stool", "vase"),
    "kitchen": ("carafe", "colander", "cup", "fork", "kettle", "knife", "ladle", "pot", "spoon", "teapot", "whisk"),
    "outdoor": ("compass", "hammock", "rope", "sleeping bag", "stove"),
    "paper": ("calendar", "folder", "pencil", "poster", "sketchbook"),
    "shoes": ("boot", "clog", "loafer", "sandal", "trainer"),
    "toys": ("ball", "doll", "domino", "marble", "top", "train"),
}
_NOUNS = tuple((category, noun) for category, nouns in NOUNS.items() for noun in nouns)
_ADJECTIVES = ("broad", "classic", "clever", "compact", "durable", "fine", "light", "new", "plain", "quiet", "simple", "solid", "warm")
_COLOURS = ("black", "blue", "brown", "green", "grey", "navy", "ochre", "pink", "red", "white", "yellow")
_MATERIALS = ("bamboo", "cotton", "glass", "leather", "linen", "steel", "wool")
_SIZES = ("XS", "S", "M", "L", "XL")

_CENTS_MIN, _CENTS_SPAN, _STRIDE = 150, 49_850, 7_919  # a prime stride, so that neighbours differ in price and amount
_UNITS_SPAN = 480
_FRAGILE_EVERY, _UNPRICED_EVERY, _ARCHIVED_EVERY = 9, 40, 50


@dataclass(frozen=True, slots=True)
class Product:
    new: NewProduct
    status: Status
    made_at: datetime


def product(n: int) -> Product:
    category, noun = _NOUNS[n % len(_NOUNS)]
    adjective, colour = _ADJECTIVES[n % len(_ADJECTIVES)], _COLOURS[n % len(_COLOURS)]
    material, size = _MATERIALS[n % len(_MATERIALS)], _SIZES[n % len(_SIZES)]
    is_priced = n % _UNPRICED_EVERY != 0
    return Product(
        new=NewProduct(
            sku=f"{SKU_PREFIX}{n:07}",
            name=f"{adjective.capitalize()} {noun}, {colour}, {size}",
            description=f"A {adjective} {noun} of {material}." if n % 4 else None,
            category=category,
            attributes={
                "colour": colour,
                "material": material,
                "size": size,
                "weight_g": 20 + n * _STRIDE % 4_980,
                "fragile": n % _FRAGILE_EVERY == 0,
            },
            price_minor=_CENTS_MIN + n * _STRIDE % _CENTS_SPAN if is_priced else None,
            currency=CURRENCY if is_priced else None,
        ),
        status=Status.ARCHIVED if n % _ARCHIVED_EVERY == 0 else Status.ACTIVE,
        made_at=FIRST_MADE_AT + n * MADE_EVERY,
    )


_USUAL = StockSettings(safety_stock=0, backorder_limit=0, low_stock_at=LOW_STOCK_AT)
_SETTINGS: Mapping[int, StockSettings] = {
    3: StockSettings(safety_stock=4, backorder_limit=0, low_stock_at=LOW_STOCK_AT),
    11: StockSettings(safety_stock=0, backorder_limit=25, low_stock_at=LOW_STOCK_AT),
}
# Of nineteen stock items one is sold out and two nearly; ten warehouses, so that this is not always in the same ones.
_KINDS, _SOLD_OUT, _NEARLY = 19, {7}, {3, 13}


def settings(item: int) -> StockSettings:
    return _SETTINGS.get(item % _KINDS, _USUAL)


def on_hand(item: int) -> int:
    kind, turn = item % _KINDS, item // _KINDS
    if kind in _SOLD_OUT:
        return 0
    return 1 + turn % LOW_STOCK_AT if kind in _NEARLY else LOW_STOCK_AT + 1 + turn * _STRIDE % _UNITS_SPAN
