"""What of a steady stream of requests failed while something else happened to the deployment: an upgrade, a roll-back, a backup.

    python -m tests.load.through_deploy https://shop.example --email admin@shop.example --seconds 60 --rate 300

HOLDFAST_TEST_PASSWORD has the password. Nine of ten requests read a product, one places a reservation with a key of its own. Each is sent
when its time has come, whatever became of the others, and once: a connection that breaks is a failure. Exits 1 if there was one.
"""

import argparse
import asyncio
import os
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

import httpx

CLIENTS = 8
CONNECTIONS_EACH = 12  # what waits for one is late and counts as that; more of them would all be opened in one stall, and prolong it
LIMITS = httpx.Limits(max_connections=CONNECTIONS_EACH, max_keepalive_connections=CONNECTIONS_EACH)
TIMEOUT = httpx.Timeout(30.0, pool=None)
READS_FOR_EACH_WRITE = 9
UNITS = 1_000_000


class Shop:
    """One product in one warehouse, made anew, and an account that may buy it."""

    def __init__(self, url: str) -> None:
        # The certificate of a server under test may be its own.
        self._clients = [httpx.AsyncClient(base_url=url, verify=False, timeout=TIMEOUT, limits=LIMITS) for _ in range(CLIENTS)]  # noqa: S501
        self.sku = f"SKU-{uuid.uuid4().hex[:12]}".upper()
        self.outcomes: Counter[str] = Counter()
        self.placed: list[str] = []
        self.slowest = 0.0

    async def open(self, email: str, password: str) -> None:
        answer = await self._clients[0].post("/v1/auth/token", data={"username": email, "password": password})
        token = answer.raise_for_status().json()["access_token"]
        for client in self._clients:
            client.headers["Authorization"] = f"Bearer {token}"
        code = f"W{self.sku[-8:]}"
        await self._do("POST", "/v1/warehouses", {"code": code, "name": "Under load"})
        await self._do("POST", "/v1/products", {"sku": self.sku, "name": "Bought during a deploy"})
        await self._do("PUT", f"/v1/products/{self.sku}/stock/{code}", {})
        items = [{"sku": self.sku, "warehouse": code, "delta": UNITS}]
        await self._do("POST", "/v1/stock-adjustments", {"reason": "receipt", "items": items})

    async def _do(self, method: str, path: str, body: object) -> None:
        headers = {"If-None-Match": "*"} if method == "PUT" else {"Idempotency-Key": uuid.uuid4().hex}
        answer = await self._clients[0].request(method, path, json=body, headers=headers)
        if answer.is_error:
            sys.exit(f"{path}: {answer.status_code} {answer.text}")

    async def request(self, number: int) -> None:
        client, started = self._clients[number % CLIENTS], time.monotonic()
        try:
            if number % (READS_FOR_EACH_WRITE + 1):
                answer = await client.get(f"/v1/products/{self.sku}")
            else:
                lines = {"lines": [{"sku": self.sku, "quantity": 1}]}
                answer = await client.post("/v1/reservations", json=lines, headers={"Idempotency-Key": uuid.uuid4().hex})
                if answer.status_code == httpx.codes.CREATED:
                    self.placed.append(answer.json()["id"])
            self.outcomes[str(answer.status_code)] += 1
        except httpx.HTTPError as error:
            self.outcomes[type(error).__name__] += 1
            print(f"{time.strftime('%H:%M:%S')} {error!r}", file=sys.stderr)
        self.slowest = max(self.slowest, time.monotonic() - started)

    def failed(self) -> int:
        return sum(count for outcome, count in self.outcomes.items() if not outcome.startswith("2"))


async def measure(shop: Shop, *, seconds: float, rate: float) -> None:
    """Send them at their times; whoever is late sends at once what is due."""
    started = time.monotonic()
    async with asyncio.TaskGroup() as requests:
        for number in range(int(seconds * rate)):
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            requests.create_task(shop.request(number))


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("url")
    parser.add_argument("--email", required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--placed", type=Path, help="a file that gets the id of each reservation that was acknowledged")
    options = parser.parse_args()
    shop = Shop(options.url)
    await shop.open(options.email, os.environ["HOLDFAST_TEST_PASSWORD"])
    await measure(shop, seconds=options.seconds, rate=options.rate)
    print(f"{sum(shop.outcomes.values())} requests, {shop.failed()} failed: {dict(shop.outcomes)}")
    if options.placed:
        with options.placed.open("a") as file:
            file.writelines(f"{one}\n" for one in shop.placed)
    print(f"{len(shop.placed)} reservations of {shop.sku}; the slowest answer took {shop.slowest:.2f} s")
    return 1 if shop.failed() else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
