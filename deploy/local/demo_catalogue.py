"""What the demo shop sells and where it lies: small tables and no dice, so that everybody sees the same shop."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle, product

from services.inventory.catalog.model import NewProduct, NewWarehouse
from services.inventory.stock.model import StockSettings

AMS, BER, LIS, OSL = "AMS", "BER", "LIS", "OSL"
WAREHOUSES = (
    NewWarehouse(AMS, "Amsterdam", priority=10),
    NewWarehouse(BER, "Berlin", priority=20),
    NewWarehouse(LIS, "Lisbon", priority=30),
    NewWarehouse(OSL, "Oslo", priority=40),
)
CLOSED = OSL  # its units were moved to Berlin
LOW_STOCK_AT = 5
CURRENCY = "EUR"
DEARER_PERCENT = 30  # each step up in a measure, over the one before it

Attributes = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Article:
    """A product, and how many units of it lie where."""

    product: NewProduct
    units: Mapping[str, int]
    settings: StockSettings


@dataclass(frozen=True, slots=True)
class Family:
    """One article in several variants: a product for each combination."""

    sku: str
    name: str
    category: str
    price_minor: int
    description: str
    attributes: Attributes
    variants: Mapping[str, tuple[str | int, ...]]
    safety_stock: int = field(default=0, kw_only=True)
    backorder_limit: int = field(default=0, kw_only=True)


# Sku, name, category, price in cents, units in Amsterdam and in Berlin, description, attributes.
GOODS: tuple[tuple[str, str, str, int, int, int, str, Attributes], ...] = (
    ("BAG-CANVAS", "Canvas bag", "bags", 1_900, 80, 35, "Carries a week of groceries.", {"material": "cotton", "capacity_l": 15}),
    ("BOTTLE-STEEL", "Steel bottle, 0.75 l", "kitchen", 2_400, 120, 60, "Keeps tea hot for half a day.", {"material": "steel"}),
    ("CAP-WOOL", "Wool cap", "clothing", 1_500, 45, 0, "Knitted in one piece.", {"material": "wool", "colour": "grey"}),
    ("LAMP", "Brass reading lamp", "home", 8_900, 1, 0, "The last one of its kind.", {"material": "brass", "dimmable": True}),
    ("MUG", "Holdfast mug", "kitchen", 1_200, 250, 90, "Holds fast, and holds coffee.", {"material": "stoneware", "volume_ml": 330}),
    ("NOTEBOOK-A5", "Notebook, A5, dotted", "paper", 900, 400, 150, "Lies flat when open.", {"ruling": "dotted", "pages": 160}),
    ("PEN-BRASS", "Brass pen", "paper", 3_200, 25, 10, "Heavy, and refillable.", {"material": "brass", "refillable": True}),
    ("POSTER-A2", "Poster, A2", "paper", 1_400, 0, 0, "Printed when enough people ask for it.", {"format": "A2"}),
    ("SOCKS-42", "Merino socks, 42", "clothing", 1_100, 140, 70, "Warm when wet.", {"material": "merino", "size": "42"}),
    ("TEE-L", "Holdfast tee, L", "clothing", 2_200, 90, 40, "An anchor on the chest.", {"material": "cotton", "size": "L"}),
    ("TEE-M", "Holdfast tee, M", "clothing", 2_200, 200, 60, "An anchor on the chest.", {"material": "cotton", "size": "M"}),
    ("TEE-S", "Holdfast tee, S", "clothing", 2_200, 4, 2, "An anchor on the chest.", {"material": "cotton", "size": "S"}),
)

SIZES = ("XS", "S", "M", "L", "XL")
SHOE_SIZES = ("37", "38", "39", "40", "41", "42", "43", "44")
COTTON, WOOL, STONEWARE, STEEL = ({"material": material} for material in ("cotton", "wool", "stoneware", "steel"))

FAMILIES = (
    Family("TEE-ORGANIC", "Organic cotton tee", "clothing", 2_800, "Heavy jersey, cut straight.", COTTON | {"organic": True},
           {"colour": ("black", "white", "navy", "moss"), "size": SIZES}),
    Family("HOODIE", "Heavy hoodie", "clothing", 5_900, "Brushed inside; the cord stays in.", COTTON,
           {"colour": ("black", "grey", "navy"), "size": SIZES}),
    Family("SHIRT-LINEN", "Linen shirt", "clothing", 6_900, "Creases, and is meant to.", {"material": "linen"},
           {"colour": ("white", "sand", "sky"), "size": SIZES[1:]}),
    Family("SCARF", "Lambswool scarf", "clothing", 4_500, "Two metres, fringed.", WOOL,
           {"colour": ("red", "grey", "navy", "moss", "ochre", "black")}),
    Family("RAINCOAT", "Raincoat", "clothing", 12_900, "Taped seams and a hood that turns with the head.", {"waterproof": True},
           {"colour": ("yellow", "navy"), "size": SIZES}, safety_stock=2),
    Family("SNEAKER", "Canvas sneaker", "shoes", 7_900, "Rubber from trees, laces from hemp.", {"material": "canvas"},
           {"colour": ("white", "black", "moss"), "size": SHOE_SIZES}),
    Family("BOOT-RAIN", "Rubber boot", "shoes", 5_400, "For gardens, harbours and festivals.", {"material": "rubber", "waterproof": True},
           {"colour": ("green", "navy"), "size": SHOE_SIZES}),
    Family("RUCKSACK", "Rucksack", "bags", 9_900, "Fits under the seat; the largest does not.", {"material": "canvas", "laptop": True},
           {"colour": ("black", "moss", "sand", "rust"), "capacity_l": (12, 20, 28)}),
    Family("TOTE", "Tote bag", "bags", 1_600, "Folds to the size of a fist.", COTTON,
           {"colour": ("natural", "black", "red", "sky", "ochre")}),
    Family("POUCH", "Zip pouch", "bags", 1_400, "For cables, pencils or coins.", {"material": "canvas"},
           {"colour": ("black", "rust", "sand"), "width_cm": (12, 18, 24)}),
    Family("BOWL", "Stoneware bowl", "kitchen", 1_400, "Glazed inside, raw outside.", STONEWARE | {"dishwasher_safe": True},
           {"colour": ("white", "sand", "sky", "moss", "black"), "diameter_cm": (12, 16, 24)}),
    Family("PLATE", "Stoneware plate", "kitchen", 1_600, "Stacks without scratching.", STONEWARE | {"dishwasher_safe": True},
           {"colour": ("white", "sand", "sky", "moss", "black"), "diameter_cm": (20, 27)}),
    Family("PAN", "Cast iron pan", "kitchen", 4_900, "Seasoned twice; outlives its owner.", {"material": "iron", "induction": True},
           {"diameter_cm": (20, 24, 28)}, backorder_limit=10),
    Family("JAR", "Storage jar", "kitchen", 900, "Glass that shows what is left.", {"material": "glass"},
           {"lid": ("cork", "steel"), "volume_ml": (250, 500, 1_000, 2_000)}),
    Family("BLANKET", "Wool blanket", "home", 11_900, "Woven from one sheep's worth of wool.", WOOL,
           {"colour": ("grey", "ochre", "moss", "navy")}, safety_stock=3),
    Family("CUSHION", "Cushion", "home", 3_400, "The cover comes off.", {"material": "linen", "washable": True},
           {"colour": ("sand", "rust", "sky", "moss"), "width_cm": (40, 50)}),
    Family("CANDLE", "Beeswax candle", "home", 700, "Smells of honey, drips little.", {"material": "beeswax"},
           {"colour": ("natural", "red", "green"), "height_cm": (10, 20, 30)}),
    Family("NOTEBOOK-HARD", "Notebook, hard cover", "paper", 1_800, "Thread-bound, numbered pages.", {"pages": 200, "format": "A5"},
           {"colour": ("black", "red", "sky", "moss"), "ruling": ("blank", "dotted", "lined", "squared")}),
    Family("INK", "Fountain pen ink", "paper", 1_100, "Fifty millilitres; some of them wash out.", {"volume_ml": 50},
           {"colour": ("black", "blue", "green", "red", "sepia", "violet")}),
    Family("ENVELOPE", "Pack of envelopes", "paper", 600, "Recycled, lined, gummed.", {"pieces": 25, "recycled": True},
           {"colour": ("white", "natural", "grey"), "format": ("C5", "C6", "DL")}),
    Family("TENT", "Tent", "outdoor", 24_900, "Up in four minutes, dry in any of them.", {"waterproof": True, "season": "three"},
           {"colour": ("green", "sand"), "sleeps": (1, 2, 4)}, backorder_limit=20),
    Family("FLASK", "Vacuum flask", "outdoor", 2_600, "Survives the fall from a saddle.", STEEL,
           {"colour": ("black", "sky", "rust"), "volume_ml": (350, 500, 750)}),
    Family("LANTERN", "Camping lantern", "outdoor", 3_900, "Charges in the sun.", {"rechargeable": True},
           {"colour": ("black", "yellow")}),
    Family("POT", "Terracotta pot", "garden", 800, "Frost-proof down to minus ten.", {"material": "terracotta"},
           {"glaze": ("plain", "blue", "green"), "diameter_cm": (10, 14, 18, 24)}),
    Family("SEEDS", "Seeds", "garden", 350, "Open-pollinated; keep some for next year.", {"organic": True},
           {"plant": ("basil", "beet", "carrot", "chard", "dill", "leek", "pea", "sage")}),
    Family("SECATEURS", "Secateurs", "garden", 3_700, "Every part can be replaced.", STEEL, {"hand": ("left", "right")}),
    Family("BLOCKS", "Wooden blocks", "toys", 2_900, "Beech, oiled, unbreakable.", {"material": "beech", "age_from": 1},
           {"pieces": (30, 60, 120)}),
    Family("PUZZLE", "Jigsaw puzzle", "toys", 1_900, "One piece always hides under the table.", {"age_from": 10},
           {"motif": ("harbour", "forest", "map", "market", "stars"), "pieces": (500, 1_000)}),
    Family("KITE", "Kite", "toys", 2_400, "Flies from a light breeze on.", {"age_from": 6}, {"colour": ("red", "blue", "rainbow")}),
    Family("TOWEL", "Waffle towel", "bath", 1_900, "Dries fast, and dries itself.", COTTON,
           {"colour": ("white", "sand", "sky", "moss"), "length_cm": (50, 100, 140)}, safety_stock=4),
    Family("SOAP", "Bar soap", "bath", 550, "Cold-stirred, six weeks old.", {"vegan": True},
           {"scent": ("cedar", "lemon", "mint", "plain", "rose", "sea")}),
    Family("BELL", "Bicycle bell", "bike", 1_500, "Polite, but loud.", {"diameter_mm": 60},
           {"colour": ("brass", "black", "copper", "white")}),
    Family("LIGHT-FRONT", "Front light", "bike", 3_500, "A beam that ends below the eyes of others.", {"rechargeable": True},
           {"lumens": (100, 300)}),
    Family("PANNIER", "Pannier", "bike", 6_400, "One hand takes it off the rack.", {"waterproof": True},
           {"colour": ("black", "yellow", "moss"), "capacity_l": (15, 20)}),
)  # fmt: skip

# How a name says a number, by attribute.
MEASURES = {
    "capacity_l": "{} l",
    "diameter_cm": "{} cm",
    "height_cm": "{} cm",
    "length_cm": "{} cm",
    "lumens": "{} lm",
    "pieces": "{} pieces",
    "sleeps": "sleeps {}",
    "volume_ml": "{} ml",
    "width_cm": "{} cm",
}

# Units by warehouse, taken in turn by the variants: thirteen, which no family has, so that it is not always the same size that is low.
SHELVES: tuple[Mapping[str, int], ...] = (
    {AMS: 120, BER: 60, LIS: 40},
    {AMS: 85, BER: 30},
    {AMS: 240, BER: 110, LIS: 95},
    {AMS: 64, LIS: 18},
    {AMS: 3, BER: 48},
    {AMS: 150, BER: 75, OSL: 12},
    {AMS: 40, BER: 0},
    {BER: 90, LIS: 55},
    {AMS: 310, BER: 140, LIS: 2},
    {AMS: 72, BER: 36, LIS: 20},
    {AMS: 0, BER: 0, LIS: 0},
    {AMS: 95, BER: 41},
    {AMS: 5, BER: 4},
)

ARCHIVED = ("KITE-RAINBOW", "SCARF-OCHRE")


def articles() -> Iterator[Article]:
    """Everything in the shop, the archived too."""
    for sku, name, category, price_minor, in_amsterdam, in_berlin, description, attributes in GOODS:
        goods = NewProduct(sku, name, description, category, attributes, price_minor, CURRENCY)
        yield Article(goods, {AMS: in_amsterdam, BER: in_berlin}, StockSettings(0, 0, LOW_STOCK_AT))
    shelves = cycle(SHELVES)
    for family in FAMILIES:
        settings = StockSettings(family.safety_stock, family.backorder_limit, LOW_STOCK_AT)
        for values in product(*family.variants.values()):
            yield Article(_variant(family, dict(zip(family.variants, values, strict=True))), next(shelves), settings)


def _variant(family: Family, chosen: Mapping[str, str | int]) -> NewProduct:
    words = [MEASURES[name].format(value) if isinstance(value, int) else value for name, value in chosen.items()]
    steps = sum(family.variants[name].index(value) for name, value in chosen.items() if isinstance(value, int))
    return NewProduct(
        sku="-".join([family.sku, *(str(value).upper() for value in chosen.values())]),
        name=", ".join([family.name, *words]),
        description=family.description,
        category=family.category,
        attributes={**family.attributes, **chosen},
        price_minor=family.price_minor * (100 + DEARER_PERCENT * steps) // 100,
        currency=CURRENCY,
    )
