"""What goes on in an ordinary shop: mostly people who look, some who buy."""

import random
from collections import Counter

import httpx

from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.load import Heard

_PLACED = "SELECT reservation_id::text FROM reservations JOIN reservation_lines USING (reservation_id)"
SKUS = ("CAP", "MUG", "PEN", "TEE")


class Traffic:
    """Of ten requests eight look at a product, one at a list, and one buys."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.orders: set[str] = set()  # keys
        self.is_past_copies = False  # whether those who look want the database's word

    async def open(self) -> None:
        for sku in SKUS:
            await self.client.stock(sku, "AMS", 1_000_000)

    async def ask(self, key: str) -> httpx.Response:
        return await (self.buy(key) if random.random() < 0.1 else self.look(key))

    async def look(self, _: str) -> httpx.Response:
        """One of nine at a list."""
        path = random.choice(("/v1/products", *(f"/v1/products/{sku}" for sku in SKUS * 2)))
        return await self.client.http.get(path, params={"consistency": "strong"} if self.is_past_copies else {})

    async def buy(self, key: str) -> httpx.Response:
        self.orders.add(key)
        return await self.client.place(line(SKUS[0]), key=key)


async def assert_nothing_is_lost_or_done_twice(traffic: Traffic, heard: list[Heard], database: Database) -> None:
    """Every acknowledged order is there; who was told nothing asks again with the same key, and then each order is there once."""
    told = {one.key: one.answer.json()["id"] for one in heard if one.key in traffic.orders and one.is_success and one.answer}
    assert set(told.values()) <= {reservation for (reservation,) in await database.rows(_PLACED)}
    for key in traffic.orders:
        answer = await traffic.buy(key)
        assert answer.status_code == 201, answer.text
        assert told.setdefault(key, answer.json()["id"]) == answer.json()["id"]
    placed = Counter(reservation for (reservation,) in await database.rows(_PLACED))
    assert placed == Counter(told.values())
