"""A customer: looks around, and now and then holds something and makes up their mind about it."""

import random
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from deploy.local.exchange import Request
from deploy.local.traffic.assortment import Article, Assortment
from deploy.local.traffic.mistakes import make_one
from deploy.local.traffic.visitor import Visitor

CHANNEL = "traffic"  # by which the staff knows the orders of this shop from those of people who try things out
LOOKS = range(3, 9)  # at so many pages before one decides
ORDERS = 0.35  # of the visits end with an order
MISTAKES = 0.03  # of the visits begin with one
COMES_TOO_LATE = 0.06  # of the orders are for more than there is
REPLAYS = 0.05  # of the requests are sent twice, as if the answer had been lost
QUANTITIES = (1, 1, 1, 2, 3)
LINES = (1, 1, 1, 2, 2, 4)
# Nobody waits for these, so they end while one looks on; of holds of five minutes the owner is reminded.
SECONDS_OF_THE_FORGETFUL = (20, 20, 40, 60, 300)
FATES = {"confirm": 0.65, "cancel": 0.13, "extend": 0.07, "forget": 0.15}


class Customer:
    """Comes again and again; the dice decide what they do."""

    def __init__(self, visitor: Visitor, assortment: Assortment, dice: random.Random) -> None:
        self._visitor = visitor
        self._assortment = assortment
        self._dice = dice

    async def run(self) -> None:
        while True:
            await self.run_once()

    async def run_once(self) -> None:
        """One visit."""
        if self._dice.random() < MISTAKES:
            await make_one(self._visitor, self._dice)
        for _ in range(self._dice.choice(LOOKS)):
            await self._look_around()
        if self._dice.random() < ORDERS:
            await self._order()

    async def _look_around(self) -> None:
        [article] = self._assortment.pick(self._dice)
        words = article.name.replace(",", "").split()
        pages = {
            f"/v1/products/{article.sku}": 5,
            f"/v1/availability?{urlencode({'sku': article.sku})}": 3,
            f"/v1/products?{urlencode({'category': article.category, 'limit': 20} if article.category else {'limit': 20})}": 2,
            f"/v1/products?{urlencode({'q': self._dice.choice(words), 'limit': 20})}": 1,
        }
        [page] = self._dice.choices(list(pages), list(pages.values()))
        await self._visitor.look(page)

    async def _order(self) -> None:
        fate, *_ = self._dice.choices(list(FATES), list(FATES.values()))
        basket = self._assortment.pick(self._dice, self._dice.choice(LINES))
        lines = [{"sku": article.sku, "quantity": self._dice.choice(QUANTITIES)} for article in basket]
        if self._dice.random() < COMES_TOO_LATE:
            lines[-1]["quantity"] = await self._more_than_there_is(basket[-1])
        body: dict[str, object] = {"lines": lines, "metadata": {"channel": CHANNEL}}
        if fate == "forget":
            body["ttl_seconds"] = self._dice.choice(SECONDS_OF_THE_FORGETFUL)
        held = await self._post("/v1/reservations", body)
        if held is not None:
            self._visitor.tally.note("held")
            await self._meet(fate, f"/v1/reservations/{held['id']}")

    async def _more_than_there_is(self, article: Article) -> int:
        answer = await self._visitor.look(f"/v1/availability?{urlencode({'sku': article.sku})}")
        items = answer.json()["items"] if answer.is_success else []
        return 1 + max((item["available"] for item in items), default=0)

    async def _meet(self, fate: str, reservation: str) -> None:
        match fate:
            case "forget":
                self._visitor.tally.note("forgotten")
            case "cancel":
                if await self._post(f"{reservation}/cancel", {"reason": "changed my mind"}) is not None:
                    self._visitor.tally.note("cancelled")
            case _:
                if fate == "extend":
                    await self._post(f"{reservation}/extend", {"ttl_seconds": 900})
                await self._visitor.ask(Request("GET", reservation))
                if await self._post(f"{reservation}/confirm", None) is not None:
                    self._visitor.tally.note("confirmed")

    async def _post(self, path: str, body: dict[str, object] | None) -> dict[str, Any] | None:
        """What came of it, or None when it was refused."""
        request = Request("POST", path, body=body, key=str(uuid.uuid4()))
        answer = await self._visitor.ask(request)
        if not answer.is_success:
            self._visitor.tally.note("refused" if answer.status_code == HTTPStatus.CONFLICT else "failed")
            return None
        if self._dice.random() < REPLAYS:
            again = await self._visitor.ask(request)
            self._visitor.tally.note("replayed" if "Idempotent-Replayed" in again.headers else "failed")
        content: dict[str, Any] = answer.json()
        return content
