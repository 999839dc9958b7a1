"""The staff: ships what was confirmed, receives what runs low, and changes a price now and then."""

import random
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from deploy.local.exchange import Request
from deploy.local.traffic.assortment import Assortment
from deploy.local.traffic.customer import CHANNEL
from deploy.local.traffic.visitor import Visitor

ORDERS_LOOKED_AT = 100
SHIPPED_AT_ONCE = 8  # then the shelves are looked after
RECEIVED_AT_ONCE = 4  # of what is low; the rest stays low or sold out for a while
UNITS_RECEIVED = range(15, 60)
LEVELS_LOOKED_AT = 200
BREAKS = 0.1  # of the rounds something falls off a shelf
REPRICES = 0.2  # of the rounds a price changes
PRICE_PERCENT = range(90, 111)  # of what it was when the shop opened, so that prices do not wander off


class Staff:
    """Goes its round again and again."""

    def __init__(self, visitor: Visitor, assortment: Assortment, dice: random.Random) -> None:
        self._visitor = visitor
        self._assortment = assortment
        self._dice = dice

    async def run(self) -> None:
        while True:
            await self.run_once()

    async def run_once(self) -> None:
        """One round."""
        await self._ship()
        await self._receive()
        if self._dice.random() < BREAKS:
            await self._break_one()
        if self._dice.random() < REPRICES:
            await self._reprice()

    async def _ship(self) -> None:
        orders = await self._list(f"/v1/reservations?state=confirmed&limit={ORDERS_LOOKED_AT}")
        ours = [order for order in orders if order["metadata"].get("channel") == CHANNEL]
        for order in ours[:SHIPPED_AT_ONCE]:
            await self._post(f"/v1/reservations/{order['id']}/fulfilments", None, deed="shipped")

    async def _receive(self) -> None:
        low = await self._levels(low_stock="true")
        if low:
            chosen = self._dice.sample(low, k=min(RECEIVED_AT_ONCE, len(low)))
            await self._adjust("receipt", {(level["sku"], level["warehouse"]): self._dice.choice(UNITS_RECEIVED) for level in chosen})

    async def _break_one(self) -> None:
        full = [level for level in await self._levels(low_stock="false") if level["available"] > 0]
        if full:
            level = self._dice.choice(full)
            await self._adjust("damage", {(level["sku"], level["warehouse"]): -1})

    async def _levels(self, *, low_stock: str) -> list[dict[str, Any]]:
        query = [("low_stock", low_stock), ("limit", LEVELS_LOOKED_AT), *(("sku", article.sku) for article in self._assortment.articles)]
        levels = await self._list(f"/v1/stock?{urlencode(query)}")
        return [level for level in levels if level["warehouse"] in self._assortment.warehouses]

    async def _adjust(self, reason: str, deltas: dict[tuple[str, str], int]) -> None:
        items = [{"sku": sku, "warehouse": warehouse, "delta": delta} for (sku, warehouse), delta in deltas.items()]
        await self._post("/v1/stock-adjustments", {"reason": reason, "reference": CHANNEL, "items": items}, deed="moved")

    async def _reprice(self) -> None:
        [article] = self._assortment.pick(self._dice)
        path = f"/v1/products/{quote(article.sku)}"
        price = article.price_minor * self._dice.choice(PRICE_PERCENT) // 100
        known = await self._visitor.ask(Request("GET", path))
        if known.is_success:
            change = Request("PATCH", path, body={"price_minor": price}, etag=known.headers["ETag"])
            self._note(await self._visitor.ask(change), deed="repriced")

    async def _list(self, path: str) -> list[dict[str, Any]]:
        answer = await self._visitor.ask(Request("GET", path))
        items: list[dict[str, Any]] = answer.json()["items"] if answer.is_success else []
        return items

    async def _post(self, path: str, body: dict[str, object] | None, *, deed: str) -> None:
        self._note(await self._visitor.ask(Request("POST", path, body=body, key=str(uuid.uuid4()))), deed=deed)

    def _note(self, answer: Any, *, deed: str) -> None:
        refused = answer.status_code in (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
        self._visitor.tally.note(deed if answer.is_success else "refused" if refused else "failed")
