"""The API as its clients see it: verbs that speak HTTP, and answers as they came."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest_asyncio
from starlette.types import ASGIApp, Message

from services.api.main import create_app
from services.inventory.accounts.model import Role
from services.runtime.logs import configure_logs
from tests.support.database import Database
from tests.support.people import People, Person
from tests.support.processes import Processes
from tests.support.settings import NO_REDIS, Where, settings

_TIMEOUT_SECONDS = 30  # hundreds of clients share two cores; a test that is about time says so itself

Json = dict[str, Any]


def line(sku: str, quantity: int = 1, warehouse: str | None = None) -> Json:
    return {"sku": sku, "quantity": quantity} | ({"warehouse": warehouse} if warehouse else {})


def units(sku: str, quantity: int, warehouse: str = "AMS") -> Json:
    """Units of one line, to be shipped."""
    return {"sku": sku, "warehouse": warehouse, "quantity": quantity}


def counted(sku: str, found: int, expected: int, warehouse: str = "AMS") -> Json:
    return {"sku": sku, "warehouse": warehouse, "counted": found, "expected_on_hand": expected}


def pytest_configure() -> None:
    configure_logs("json")  # as the process does it; pytest shows the lines below a test that failed


class Client:
    """Somebody who talks to the API; what they may do is the API's to say."""

    def __init__(self, http: httpx.AsyncClient, person: Person | None) -> None:
        self.http = http
        self.person = person

    async def place(self, *lines: Json, key: str | None = None, **body: object) -> httpx.Response:
        """With a fresh Idempotency-Key unless one is given."""
        return await self._post("/v1/reservations", {"lines": lines, **body}, key)

    async def confirm(self, reservation_id: str, *, key: str | None = None) -> httpx.Response:
        return await self.change(reservation_id, "confirm", key=key)

    async def cancel(self, reservation_id: str, *, key: str | None = None, **body: object) -> httpx.Response:
        return await self.change(reservation_id, "cancel", body or None, key=key)

    async def extend(self, reservation_id: str, ttl_seconds: int = 600, *, key: str | None = None) -> httpx.Response:
        return await self.change(reservation_id, "extend", {"ttl_seconds": ttl_seconds}, key=key)

    async def fulfil(self, reservation_id: str, *items: Json, key: str | None = None) -> httpx.Response:
        """These units, or all that are open."""
        return await self.change(reservation_id, "fulfilments", {"items": items} if items else None, key=key)

    async def change(
        self, reservation_id: str, transition: str, body: Json | None = None, *, key: str | None = None, if_match: str | None = None
    ) -> httpx.Response:
        headers = {"If-Match": if_match} if if_match else {}
        return await self._post(f"/v1/reservations/{reservation_id}/{transition}", body, key, headers)

    async def replace_lines(self, reservation_id: str, *lines: Json, if_match: str | None = None) -> httpx.Response:
        headers = {"If-Match": if_match} if if_match else {}
        return await self.http.put(f"/v1/reservations/{reservation_id}/lines", json={"lines": lines}, headers=headers)

    async def put_cart(self, reference: str, *lines: Json, **body: object) -> httpx.Response:
        return await self.http.put(f"/v1/reservations/by-ref/{quote(reference, safe='')}", json={"lines": lines, **body})

    async def reservation(self, reservation_id: str) -> httpx.Response:
        return await self.http.get(f"/v1/reservations/{reservation_id}")

    async def availability(self, *skus: str) -> httpx.Response:
        return await self.http.get("/v1/availability", params={"sku": skus})

    async def create_product(self, sku: str, **body: object) -> httpx.Response:
        return await self.http.post("/v1/products", json={"sku": sku, "name": f"The {sku}", **body})

    async def create_warehouse(self, code: str, **body: object) -> httpx.Response:
        return await self.http.post("/v1/warehouses", json={"code": code, "name": f"Warehouse {code}", **body})

    async def set_up_stock(self, sku: str, warehouse: str, **body: int) -> httpx.Response:
        """Create the stock item with its settings, all 0 unless given."""
        chosen = {"safety_stock": 0, "backorder_limit": 0, "low_stock_at": 0, **body}
        return await self.http.put(f"/v1/products/{sku}/stock/{warehouse}", json=chosen, headers={"If-None-Match": "*"})

    async def adjust(self, sku: str, warehouse: str, delta: int, *, key: str | None = None, reason: str = "receipt") -> httpx.Response:
        body = {"reason": reason, "items": [{"sku": sku, "warehouse": warehouse, "delta": delta}]}
        return await self._post("/v1/stock-adjustments", body, key)

    async def adjust_many(self, *items: Json, reason: str = "adjustment", **body: str) -> httpx.Response:
        return await self._post("/v1/stock-adjustments", {"reason": reason, "items": items, **body}, None)

    async def count(self, *items: Json, key: str | None = None, **body: str) -> httpx.Response:
        return await self._post("/v1/stock-counts", {"items": items, **body}, key)

    async def transfer(self, source: str, target: str, *items: Json, key: str | None = None, **body: str) -> httpx.Response:
        return await self._post("/v1/stock-transfers", {"from": source, "to": target, "items": items, **body}, key)

    async def levels(self, **filters: str) -> httpx.Response:
        return await self.http.get("/v1/stock", params=filters)

    async def stock(self, sku: str, warehouse: str, on_hand: int, **stock_settings: int) -> None:
        """Have a product lie in a warehouse, all of it made for the purpose if it is not there yet."""
        for made in (await self.create_product(sku), await self.create_warehouse(warehouse)):
            assert made.is_success or made.status_code == httpx.codes.CONFLICT, made.text
        made = await self.set_up_stock(sku, warehouse, **stock_settings)
        assert made.is_success, made.text
        if on_hand:
            made = await self.adjust(sku, warehouse, on_hand)
            assert made.is_success, made.text

    async def _post(self, path: str, body: Json | None, key: str | None, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.http.post(path, json=body, headers={"Idempotency-Key": key or uuid.uuid4().hex, **(headers or {})})


class Api:
    """One API, and the people who use it."""

    def __init__(self, base_url: str, transport: httpx.AsyncBaseTransport, people: People, stack: AsyncExitStack) -> None:
        self._base_url = base_url
        self.transport = transport
        self._people = people
        self._stack = stack

    async def client(self, person: Person | None = None) -> Client:
        headers = {"Authorization": f"Bearer {person.token}"} if person else {}
        http = httpx.AsyncClient(
            base_url=self._base_url, transport=self.transport, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False
        )
        return Client(await self._stack.enter_async_context(http), person)

    async def customer(self) -> Client:
        return await self.client(await self._people.join(Role.CUSTOMER))

    async def customers(self, count: int) -> list[Client]:
        return [await self.customer() for _ in range(count)]

    async def staff(self) -> Client:
        return await self.client(await self._people.join(Role.STAFF))

    async def admin(self) -> Client:
        return await self.client(await self._people.join(Role.ADMIN))


async def confirm_one(customer: Client) -> str:
    """Order a mug and confirm it, which owes the customer a mail; the id of the reservation."""
    reservation_id: str = (await customer.place(line("MUG"))).json()["id"]
    assert (await customer.confirm(reservation_id)).is_success
    return reservation_id


@asynccontextmanager
async def open_api(database: Database, people: People, *, cache_url: str = NO_REDIS, **chosen: str) -> AsyncIterator[Api]:
    """The app that is shipped, in the test's own process, with these settings."""
    app = create_app(settings(Where(database_url=database.url, cache_url=cache_url), **chosen))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_running(app))
        # An error that nobody foresaw is a 500 to a client, so it is one here.
        yield Api("http://holdfast.test", httpx.ASGITransport(app, raise_app_exceptions=False), people, stack)


@pytest_asyncio.fixture
async def api(database: Database, people: People, cache_url: str) -> AsyncIterator[Api]:
    async with open_api(database, people, cache_url=cache_url) as opened:
        yield opened


@asynccontextmanager
async def api_at(
    url: str, people: People, *, by: Callable[[httpx.AsyncHTTPTransport], httpx.AsyncBaseTransport] | None = None
) -> AsyncIterator[Api]:
    """The API that runs at this URL; `by` wraps what its clients send with."""
    transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=None))  # a race of hundreds is one on the wire too
    async with AsyncExitStack() as stack:
        yield Api(url, by(transport) if by else transport, people, stack)


@pytest_asyncio.fixture
async def api_processes(processes: Processes, people: People) -> AsyncIterator[Api]:
    """The app that is shipped, as two worker processes."""
    running = await processes.api(workers=2)
    async with api_at(running.url, people) as opened:
        yield opened


@pytest_asyncio.fixture
async def nobody(api: Api) -> Client:
    return await api.client()


@pytest_asyncio.fixture
async def customer(api: Api) -> Client:
    return await api.customer()


@pytest_asyncio.fixture
async def staff(api: Api) -> Client:
    return await api.staff()


@pytest_asyncio.fixture
async def admin(api: Api) -> Client:
    return await api.admin()


@asynccontextmanager
async def _running(app: ASGIApp) -> AsyncIterator[None]:
    """Start and stop the app as a server does."""
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    serving = asyncio.ensure_future(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    started = await from_app.get()
    assert started["type"] == "lifespan.startup.complete", started
    yield
    await to_app.put({"type": "lifespan.shutdown"})
    await serving
