"""What a shop is asked: 80 % products that are mostly in the cache, 10 % pages of a list, 10 % reservations.

Everybody is signed in. Some products are wanted more than others, as in any shop: the weight of the nth is 1 / n^0.8.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.load.lab import ground
from tests.load.lab.arrivals import Ask, get, post

READ, LIST, RESERVE = "read", "list", "reserve"
SHARES = {READ: 0.8, LIST: 0.1, RESERVE: 0.1}
SKEW = 0.8
ASKS = 20_000  # made once and asked again and again; 15 MB in the generator
READ_SKUS = 2_000
HELD_SECONDS = 3_600  # longer than a run: what one rung placed must not end, with a mail each, while another one is measured


@dataclass(frozen=True, slots=True)
class Shop:
    """What there is to ask for."""

    tokens: Sequence[str]
    pages: Sequence[str]


def mix(shop: Shop, *, seed: int = 1) -> list[Ask]:
    dice = random.Random(seed)
    asked = [
        *(get(READ, f"/v1/products/{ground.sku(1 + n)}", dice.choice(shop.tokens)) for n in _skewed(dice, READ_SKUS, SHARES[READ])),
        *(get(LIST, shop.pages[n], dice.choice(shop.tokens)) for n in _skewed(dice, len(shop.pages), SHARES[LIST])),
        *(reserve(ground.sold()[n], dice.choice(shop.tokens)) for n in _skewed(dice, ground.SOLD, SHARES[RESERVE])),
    ]
    dice.shuffle(asked)
    return asked


def reserve(sku: str, token: str, *, kind: str = RESERVE, held_seconds: int = HELD_SECONDS) -> Ask:
    """One unit."""
    line = {"sku": sku, "quantity": 1, "warehouse": ground.WAREHOUSE}
    body = {"lines": [line], "ttl_seconds": held_seconds}
    return post(kind, "/v1/reservations", json.dumps(body).encode(), token)


def every_product(shop: Shop) -> list[Ask]:
    """Each that the mix reads, once: afterwards the cache is as warm as it is on any day."""
    return [get(READ, f"/v1/products/{ground.sku(1 + n)}", shop.tokens[n % len(shop.tokens)]) for n in range(READ_SKUS)]


def _skewed(dice: random.Random, count: int, share: float) -> list[int]:
    """Numbers below `count`, the small ones more often than others, so many as this share of all asks."""
    weights = [1 / (rank**SKEW) for rank in range(1, count + 1)]
    return dice.choices(range(count), weights, k=int(ASKS * share))
