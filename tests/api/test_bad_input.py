"""Without these, one endpoint of the many takes what the others refuse."""

import json
import uuid
from dataclasses import dataclass, field

import httpx
import pytest

from tests.support.api import Client, Json, line
from tests.support.database import Database
from tests.support.problems import assert_fault, assert_problem, nothing_changes

NO_ONES = "0197a3f0-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a body is sent, a good one, and what is wrong with others: member or members, and the pointer to it."""

    method: str
    path: str
    good: Json
    wrong: list[tuple[Json, str]]
    headers: dict[str, str] = field(default_factory=dict)


def item(**members: object) -> Json:
    return {"items": [{"sku": "TEE", "warehouse": "AMS", "delta": 1, **members}]}


def found(**members: object) -> Json:
    return {"items": [{"sku": "TEE", "warehouse": "AMS", "counted": 5, "expected_on_hand": 5, **members}]}


NO_UNITS: list[object] = [-1, 10**9 + 1, 2**63, "3", True, 1.0, None]
NO_ATTRIBUTES: list[object] = [None, [], {str(n): 1 for n in range(51)}]

PRODUCTS = Endpoint(
    "POST",
    "/v1/products",
    {"sku": "MUG", "name": "Mug"},
    [
        *(({"sku": sku}, "/sku") for sku in ("", " ", "x" * 201, "a\0b", "\ud800", ".", NO_ONES, NO_ONES.upper(), None, 7)),
        *(({"name": name}, "/name") for name in ("", "x" * 201, "a\0b", None, 7)),
        *(({"description": text}, "/description") for text in ("x" * 4_001, "a\0b", 7)),
        *(({"category": text}, "/category") for text in ("", "x" * 101, 7)),
        *(({"price_minor": price, "currency": "EUR"}, "/price_minor") for price in (-1, 10**12 + 1, "3", True, 1.0)),
        *(({"price_minor": 1, "currency": code}, "/currency") for code in ("eur", "EURO", "EU", "", 7)),
        ({"price_minor": 1}, ""),
        ({"currency": "EUR"}, ""),
        *(({"attributes": attributes}, "/attributes") for attributes in NO_ATTRIBUTES),
        ({"status": "archived"}, "/status"),
        ({"id": NO_ONES}, "/id"),
    ],
)
WAREHOUSES = Endpoint(
    "POST",
    "/v1/warehouses",
    {"code": "BER", "name": "Berlin"},
    [
        *(({"code": code}, "/code") for code in ("", " BER", "x" * 201, "a\nb", "..", NO_ONES, None, 7)),
        *(({"name": name}, "/name") for name in ("", "x" * 201, "a\0b", None)),
        *(({"priority": priority}, "/priority") for priority in (-1, 10_001, "3", True, 1.0, None)),
        ({"colour": "blue"}, "/colour"),
    ],
)
SETTINGS = Endpoint(
    "PUT",
    "/v1/products/TEE/stock/AMS",
    {"safety_stock": 1},
    [
        *(
            ({name: units}, f"/{name}")
            for name in ("safety_stock", "backorder_limit", "low_stock_at")
            for units in (-1, 10**9 + 1, 2**63, "3", True, 1.0, None)
        ),
        ({"on_hand": 5}, "/on_hand"),
    ],
    {"If-Match": '"1"'},
)
ADJUSTMENTS = Endpoint(
    "POST",
    "/v1/stock-adjustments",
    {"reason": "receipt", **item()},
    [
        *((item(delta=delta), "/items/0/delta") for delta in (0, 10**9 + 1, -(10**9) - 1, 2**63, "3", True, 1.0, None)),
        *((item(sku=sku), "/items/0/sku") for sku in ("", "a\0b", NO_ONES, None)),
        *((item(warehouse=code), "/items/0/warehouse") for code in ("", " AMS", None)),
        *(({"reason": reason}, "/reason") for reason in ("count", "fulfilment", "transfer_in", "transfer_out", "theft", "", None)),
        *(({"reference": text}, "/reference") for text in ("", "x" * 201, "a\0b", 7)),
        (item(on_hand=7), "/items/0/on_hand"),
        ({"items": []}, "/items"),
        ({"items": None}, "/items"),
        ({"actor": NO_ONES}, "/actor"),
        *(({"on_error": policy}, "/on_error") for policy in ("ignore", "", None, True)),
    ],
)
COUNTS = Endpoint(
    "POST",
    "/v1/stock-counts",
    found(),
    [
        *((found(counted=units), "/items/0/counted") for units in NO_UNITS),
        *((found(expected_on_hand=units), "/items/0/expected_on_hand") for units in NO_UNITS),
        *((found(sku=sku), "/items/0/sku") for sku in ("", NO_ONES, None)),
        (found(delta=1), "/items/0/delta"),
        ({"items": []}, "/items"),
        ({"items": [{"sku": "TEE", "warehouse": "AMS", "counted": 5}]}, "/items/0/expected_on_hand"),
        ({"items": found()["items"] * 501}, "/items"),
        *(({"on_shortage": policy}, "/on_shortage") for policy in ("ignore", None)),
        ({"reason": "count"}, "/reason"),
    ],
)
TRANSFERS = Endpoint(
    "POST",
    "/v1/stock-transfers",
    {"from": "AMS", "to": "BER", "items": [{"sku": "TEE", "quantity": 1}]},
    [
        *(({"items": [{"sku": "TEE", "quantity": units}]}, "/items/0/quantity") for units in (0, 1_000_001, *NO_UNITS)),
        *(({"from": code}, "/from") for code in ("", " AMS", NO_ONES, None)),
        *(({"to": code}, "/to") for code in ("", "AMS", None)),
        ({"source": "AMS"}, "/source"),
        ({"items": [{"sku": "TEE", "quantity": 1, "warehouse": "AMS"}]}, "/items/0/warehouse"),
        ({"items": []}, "/items"),
        *(({"reference": text}, "/reference") for text in ("", "x" * 201, "a\0b")),
    ],
)
ENDPOINTS = [PRODUCTS, WAREHOUSES, SETTINGS, ADJUSTMENTS, COUNTS, TRANSFERS]
everywhere = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=[endpoint.path for endpoint in ENDPOINTS])


async def send(client: Client, endpoint: Endpoint, **request: object) -> httpx.Response:
    headers = {"Idempotency-Key": uuid.uuid4().hex, "Content-Type": "application/json", **endpoint.headers}
    chosen = {"headers": headers, **request}
    return await client.http.request(endpoint.method, endpoint.path, **chosen)  # type: ignore[arg-type]  # a request's parts


@everywhere
async def test_what_is_wrong_is_told_where(staff: Client, database: Database, endpoint: Endpoint) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        answers = [
            (pointer, await send(staff, endpoint, content=json.dumps({**endpoint.good, **wrong}))) for wrong, pointer in endpoint.wrong
        ]

    for pointer, answer in answers:
        assert assert_fault(answer, pointer)


@everywhere
async def test_what_cannot_be_read_is_refused(staff: Client, database: Database, endpoint: Endpoint) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        broken = await send(staff, endpoint, content=b"{")
        twice = await send(staff, endpoint, content=b'{"name": "a", "name": "b"}')
        other = await send(
            staff, endpoint, content=b"{}", headers={**endpoint.headers, "Idempotency-Key": "k", "Content-Type": "text/plain"}
        )
        unknown = await send(staff, endpoint, json=endpoint.good, params={"dry_run": "true"})

    assert_problem(broken, 400, "malformed_json")
    assert_problem(twice, 400, "malformed_json")
    assert_problem(other, 415, "unsupported_media_type")
    assert assert_fault(unknown, "dry_run") == "is not known here"


@everywhere
async def test_what_is_right_is_taken(staff: Client, endpoint: Endpoint) -> None:
    await staff.stock("TEE", "AMS", 5)
    if endpoint is TRANSFERS:
        await staff.stock("TEE", "BER", 0)

    assert (await send(staff, endpoint, json=endpoint.good)).is_success


async def test_odd_attributes_are_refused(staff: Client, database: Database) -> None:
    odd: list[Json] = [
        {"a": 1.5},
        {"a": None},
        {"a": []},
        {"a": "x" * 501},
        {"": 1},
        {"x" * 101: 1},
        {"a": 2**53 + 1},
        {"\ud800": 1},
        {"a": "\0"},
    ]

    async with nothing_changes(database):
        answers = [await send(staff, PRODUCTS, content=json.dumps({**PRODUCTS.good, "attributes": attributes})) for attributes in odd]

    for answer in answers:
        faults = assert_problem(answer, 422, "validation_error")["errors"]
        assert {fault["pointer"].split("/")[1] for fault in faults} == {"attributes"}


@pytest.mark.parametrize("path", ["confirm", "cancel"])
async def test_a_transition_is_asked_for_properly(customer: Client, staff: Client, database: Database, path: str) -> None:
    await staff.stock("TEE", "AMS", 5)
    reservation = (await customer.place(line("TEE"))).json()["id"]

    async with nothing_changes(database):
        keyless = await customer.http.post(f"/v1/reservations/{reservation}/{path}")
        nameless = await customer.http.post(f"/v1/reservations/nope/{path}", headers={"Idempotency-Key": "k1"})
        overdone = await customer.http.post(f"/v1/reservations/{reservation}/{path}?force=1", headers={"Idempotency-Key": "k1"})

    assert_problem(keyless, 400, "idempotency_key_missing")
    assert_fault(nameless, "reservation_id")
    assert_fault(overdone, "force")


async def test_a_reason_to_cancel_is_a_short_text(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    reservation = (await customer.place(line("TEE"))).json()["id"]

    async with nothing_changes(database):
        for reason in ("", "x" * 201, "a\0b", 7):
            assert_fault(await customer.cancel(reservation, reason=reason), "/reason")
        assert_fault(await customer.cancel(reservation, because="blue"), "/because")


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/v1/products?limit=0", "limit"),
        ("/v1/products?limit=201", "limit"),
        ("/v1/products?limit=ten", "limit"),
        ("/v1/products?limt=10", "limt"),
        ("/v1/products/TEE?fields=name", "fields"),
        ("/v1/products/a%00b", "key"),
        ("/v1/warehouses?q=a", "q"),
        ("/v1/stock?color=blue", "color"),
        ("/v1/stock?sku=", "sku"),
        ("/v1/stock/nope", "item_id"),
        ("/v1/availability?sku=a%00b", "sku"),
        ("/v1/availability?sku=TEE&warehouse=+", "warehouse"),
        ("/v1/availability?sku=TEE&at=now", "at"),
        ("/v1/reservations/nope", "reservation_id"),
        ("/v1/reservations/" + NO_ONES + "?expand=lines", "expand"),
        ("/livez?verbose", "verbose"),
        ("/v1/products?" + "x" * 5_000 + "=1", "x" * 100),
    ],
)
async def test_a_question_that_is_wrong_is_told_where(unplugged: Client, path: str, where: str) -> None:
    assert assert_fault(await unplugged.http.get(path), where)
