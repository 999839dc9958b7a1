"""What the shop deals in: some of the products that there are, the popular ones first."""

import random
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from deploy.local.traffic.visitor import Visitor
from deploy.local.trouble import Trouble

PRODUCTS_MAX = 40  # few enough that the popular ones run out now and then, and fit into one question about stock
PAGE = 200  # the most that a list gives at once


@dataclass(frozen=True, slots=True)
class Article:
    sku: str
    name: str
    category: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class Assortment:
    """The articles in the order of their popularity, and the warehouses that are open."""

    articles: tuple[Article, ...]
    warehouses: frozenset[str]

    def pick(self, dice: random.Random, count: int = 1) -> list[Article]:
        """Different articles, at most so many; the n-th is wanted an n-th as often as the first."""
        weights = [1 / rank for rank in range(1, len(self.articles) + 1)]
        drawn = dice.choices(self.articles, weights, k=count)
        return list(dict.fromkeys(drawn))


async def look_up(visitor: Visitor, *, seed: int) -> Assortment:
    """Raises Trouble when there is nothing to sell."""
    products = await _list(visitor, f"/v1/products?limit={PAGE}")
    warehouses = await _list(visitor, f"/v1/warehouses?limit={PAGE}")
    articles = [Article(one["sku"], one["name"], one["category"] or "", one["price_minor"] or 0) for one in products]
    if not articles or not warehouses:
        raise Trouble("there is nothing to sell: this Holdfast has no products or no warehouses")
    # The same seed deals in the same articles; nothing here is a secret.
    chosen = random.Random(seed).sample(articles, k=min(PRODUCTS_MAX, len(articles)))  # noqa: S311
    return Assortment(tuple(chosen), frozenset(one["code"] for one in warehouses))


async def _list(visitor: Visitor, path: str) -> list[dict[str, Any]]:
    answer = await visitor.look(path)
    if answer.status_code != HTTPStatus.OK:
        raise Trouble(f"GET {path} answers {answer.status_code}: {answer.text}")
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
