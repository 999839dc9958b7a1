"""What has happened in the demo shop so far: who ordered what in the last two hours, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from deploy.local.demo_catalogue import AMS, BER, LIS
from services.inventory.reservations.model import HOLD_SECONDS_DEFAULT, HOLD_SECONDS_MAX
from services.inventory.stock.model import Reason

Basket = Mapping[str, int]  # units by sku

FIRST_REFERENCE = 1_001
MINUTES_APART = 2
CHANNELS = ("web", "app", "web", "phone", "app")  # in turn
PHONE = "phone"  # the staff order for who calls
GIFT_EVERY = 7
EXCUSES = ("changed my mind", "ordered twice", "wrong size", "found it in the attic", None)  # in turn


class Fate(Enum):
    """What became of an order."""

    HELD = auto()  # it still waits for its buyer
    CONFIRMED = auto()
    PARTLY_FULFILLED = auto()  # the first of its lines has left
    FULFILLED = auto()
    CANCELLED = auto()
    EXPIRED = auto()
    DISPLACED = auto()  # it took all that lay in Amsterdam, and then a unit less was counted there


_STORY: tuple[tuple[Fate, Basket], ...] = (
    (Fate.FULFILLED, {"HOODIE-BLACK-M": 1, "SCARF-GREY": 1}),
    (Fate.FULFILLED, {"BOWL-WHITE-16": 4, "PLATE-WHITE-27": 4}),
    (Fate.EXPIRED, {"SNEAKER-WHITE-41": 1}),
    (Fate.FULFILLED, {"NOTEBOOK-HARD-RED-DOTTED": 3}),
    (Fate.CANCELLED, {"SHIRT-LINEN-SAND-M": 1}),
    (Fate.CONFIRMED, {"TENT-GREEN-2": 1, "LANTERN-BLACK": 2}),
    (Fate.FULFILLED, {"TOWEL-WHITE-100": 6, "SOAP-MINT": 6}),
    (Fate.PARTLY_FULFILLED, {"BLANKET-GREY": 2, "CUSHION-SAND-50": 4}),
    (Fate.EXPIRED, {"RUCKSACK-BLACK-20": 1, "POUCH-SAND-12": 2}),
    (Fate.FULFILLED, {"SEEDS-CARROT": 5, "SEEDS-BEET": 5, "POT-PLAIN-18": 10}),
    (Fate.CANCELLED, {"BOOT-RAIN-GREEN-42": 1}),
    (Fate.FULFILLED, {"PUZZLE-MAP-500": 1}),
    (Fate.CONFIRMED, {"PAN-28": 1}),
    (Fate.DISPLACED, {"BOWL-SAND-24": 3}),
    (Fate.FULFILLED, {"JAR-CORK-500": 12}),
    (Fate.EXPIRED, {"KITE-RED": 1}),
    (Fate.PARTLY_FULFILLED, {"FLASK-BLACK-350": 2, "FLASK-SKY-350": 2}),
    (Fate.CANCELLED, {"CANDLE-RED-30": 20}),
    (Fate.FULFILLED, {"TEE-ORGANIC-BLACK-M": 2, "TEE-ORGANIC-BLACK-L": 1}),
    (Fate.CONFIRMED, {"RAINCOAT-YELLOW-S": 1, "BOOT-RAIN-NAVY-42": 1}),
    (Fate.FULFILLED, {"LIGHT-FRONT-300": 1, "BELL-BLACK": 1}),
    (Fate.EXPIRED, {"TENT-SAND-2": 1}),
    (Fate.CONFIRMED, {"BLOCKS-120": 2}),
    (Fate.CANCELLED, {"HOODIE-NAVY-XL": 1, "HOODIE-NAVY-S": 1}),
    (Fate.PARTLY_FULFILLED, {"ENVELOPE-WHITE-C6": 8, "INK-BLUE": 2, "NOTEBOOK-HARD-SKY-LINED": 1}),
    (Fate.FULFILLED, {"PANNIER-MOSS-20": 2}),
    (Fate.CONFIRMED, {"SNEAKER-MOSS-38": 1}),
    (Fate.EXPIRED, {"BLANKET-MOSS": 1, "CANDLE-NATURAL-10": 6}),
    (Fate.DISPLACED, {"PLATE-SAND-27": 3}),
    (Fate.FULFILLED, {"SECATEURS-RIGHT": 1, "POT-BLUE-14": 2}),
    (Fate.CANCELLED, {"RUCKSACK-SAND-12": 1}),
    (Fate.CONFIRMED, {"BOWL-MOSS-12": 6, "BOWL-MOSS-16": 6}),
    (Fate.PARTLY_FULFILLED, {"TOWEL-SAND-50": 10, "TOWEL-SKY-50": 10}),
    (Fate.EXPIRED, {"PUZZLE-FOREST-1000": 1}),
    (Fate.CONFIRMED, {"TOTE-RED": 3}),
    (Fate.CANCELLED, {"SHIRT-LINEN-SKY-M": 2}),
    (Fate.CONFIRMED, {"TENT-GREEN-2": 2}),
    (Fate.FULFILLED, {"SCARF-RED": 1}),
    (Fate.HELD, {"HOODIE-GREY-L": 1}),
    (Fate.HELD, {"BOWL-SKY-12": 8, "PLATE-SKY-20": 8}),
    (Fate.HELD, {"SNEAKER-BLACK-40": 1, "SNEAKER-BLACK-39": 1}),
    (Fate.HELD, {"LANTERN-YELLOW": 4}),
    (Fate.HELD, {"PAN-24": 8}),
    (Fate.HELD, {"TEE-ORGANIC-NAVY-M": 5}),
    (Fate.HELD, {"JAR-STEEL-250": 6, "JAR-STEEL-500": 6}),
    (Fate.HELD, {"BELL-COPPER": 2, "LIGHT-FRONT-100": 1}),
    (Fate.HELD, {"RUCKSACK-MOSS-28": 1}),
    (Fate.HELD, {"NOTEBOOK-HARD-SKY-SQUARED": 10}),
)

# Why, which reference, sku, warehouse, units.
CORRECTIONS: tuple[tuple[Reason, str, str, str, int], ...] = (
    (Reason.DAMAGE, "fell off the pallet", "PLATE-WHITE-27", BER, -7),
    (Reason.DAMAGE, "water in the cellar", "NOTEBOOK-HARD-SKY-SQUARED", LIS, -12),
    (Reason.RETURN, "cart-0987", "SNEAKER-WHITE-42", AMS, 1),
    (Reason.RETURN, "cart-0991", "SHIRT-LINEN-SKY-XL", BER, 2),
    (Reason.ADJUSTMENT, "samples for the window", "LANTERN-YELLOW", BER, -1),
)


@dataclass(frozen=True, slots=True)
class Order:
    external_ref: str
    basket: Basket
    fate: Fate
    minutes_ago: int
    metadata: Mapping[str, str | bool]
    excuse: str | None

    @property
    def is_by_phone(self) -> bool:
        return self.metadata["channel"] == PHONE

    @property
    def hold_seconds(self) -> int:
        """As long as there is for those that must last until somebody looks."""
        return HOLD_SECONDS_DEFAULT if self.fate is Fate.EXPIRED else HOLD_SECONDS_MAX


def orders() -> list[Order]:
    """All of them, the oldest first."""
    return [
        Order(
            external_ref=f"cart-{FIRST_REFERENCE + n}",
            basket=basket,
            fate=fate,
            minutes_ago=MINUTES_APART * (len(_STORY) - n),
            metadata={"channel": CHANNELS[n % len(CHANNELS)]} | ({"gift_wrapping": True} if n % GIFT_EVERY == 0 else {}),
            excuse=EXCUSES[n % len(EXCUSES)] if fate is Fate.CANCELLED else None,
        )
        for n, (fate, basket) in enumerate(_STORY)
    ]
