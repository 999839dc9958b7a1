"""Without these, a client that sends nonsense gets a 500, or worse, gets what it did not ask for."""

import json

import httpx
import pytest

from tests.support.api import Client, Json, line
from tests.support.database import Database
from tests.support.problems import assert_fault, assert_problem, nothing_changes

PATH = "/v1/reservations"
NO_QUANTITIES: list[object] = [0, -1, 1_000_001, 10**30, -(2**63), "3", "", True, 1.0, 1.5, None, [], [1], {}]
NO_SKUS: list[object] = [
    "",
    " ",
    " TEE",
    "TEE\n",
    "a\tb",
    "a\0b",
    "\ud800",
    "x" * 201,
    ".",
    "..",
    "0197a3f0-0000-7000-8000-000000000000",
    7,
    None,
]
NO_SECONDS: list[object] = [0, -1, 7_201, "600", True, 60.0, None]


def order(*lines: object, **members: object) -> Json:
    return {"lines": list(lines) or [line("TEE")], **members}


NO_METADATA: list[object] = [None, [], "x", {"a": "x" * 4_096}, {"a": "b\0"}, {"\0": 1}, {"\ud800": 1}]
NO_INTEGERS = [2**63, -(2**63) - 1, 10**30]


WRONG: list[tuple[Json, str]] = [
    *((order({"sku": "TEE", "quantity": quantity}), "/lines/0/quantity") for quantity in NO_QUANTITIES),
    *((order({"sku": sku, "quantity": 1}), "/lines/0/sku") for sku in NO_SKUS),
    *((order({"sku": "TEE", "quantity": 1, "warehouse": code}), "/lines/0/warehouse") for code in NO_SKUS if code is not None),
    *((order(ttl_seconds=seconds), "/ttl_seconds") for seconds in NO_SECONDS),
    *((order(external_ref=ref), "/external_ref") for ref in ("", "x" * 201, "a\0b", "\udfff", 7, True)),
    *((order(strategy=strategy), "/strategy") for strategy in ("nearest", "PRIORITY", None, 1)),
    *((order(metadata=metadata), "/metadata") for metadata in NO_METADATA),
    *((order(metadata={"n": number}), "/metadata") for number in NO_INTEGERS),
    (order({"quantity": 1}), "/lines/0/sku"),
    (order({"sku": "TEE"}), "/lines/0/quantity"),
    (order({"sku": "TEE", "quantity": 1, "price": 1}), "/lines/0/price"),
    (order({"sku": "TEE", "quantity": 1, "a/b~c": 1}), "/lines/0/a~1b~0c"),
    (order(line("TEE"), "TEE"), "/lines/1"),
    (order(account_id="0197a3f0-0000-7000-8000-000000000000"), "/account_id"),
    (order(state="confirmed"), "/state"),
    ({"lines": []}, "/lines"),
    ({"lines": [line("TEE")] * 51}, "/lines"),
    ({"lines": {"0": line("TEE")}}, "/lines"),
    ({"lines": None}, "/lines"),
    ({}, "/lines"),
]


async def post(client: Client, content: bytes | str, *, content_type: str = "application/json", key: str = "k1") -> httpx.Response:
    return await client.http.post(PATH, content=content, headers={"Idempotency-Key": key, "Content-Type": content_type})


async def test_an_order_that_is_wrong_is_told_where(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        answers = [(pointer, await post(customer, json.dumps(body))) for body, pointer in WRONG]

    for pointer, answer in answers:
        assert assert_fault(answer, pointer)


@pytest.mark.parametrize(
    ("body", "pointer", "sentence"),
    [
        (order({"sku": "TEE", "quantity": 0}), "/lines/0/quantity", "Input should be greater than or equal to 1"),
        (order({"sku": " TEE", "quantity": 1}), "/lines/0/sku", "must have no control characters and no blanks around it"),
        (order(external_ref="a\0b"), "/external_ref", "must not contain NUL"),
        (order(external_ref="\ud800"), "/external_ref", "must not contain half of a surrogate pair"),
        (order(metadata={"a": {"b": 2**63}}), "/metadata", "must not contain integers of more than 64 bits"),
        (order(metadata={"a": "x" * 4_096}), "/metadata", "must not be larger than 4,096 bytes as JSON"),
        (order(colour="blue"), "/colour", "is not known here"),
        ({}, "/lines", "is required"),
    ],
)
async def test_the_sentence_says_what_to_change(unplugged: Client, body: Json, pointer: str, sentence: str) -> None:
    assert assert_fault(await post(unplugged, json.dumps(body)), pointer) == sentence


async def test_no_more_than_twenty_faults_are_told_at_once(unplugged: Client) -> None:
    answer = await unplugged.place(*(line("TEE", 0) for _ in range(50)))

    assert len(assert_problem(answer, 422, "validation_error")["errors"]) == 20


async def test_metadata_is_not_nested_without_end(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    body = '{"lines": [{"sku": "TEE", "quantity": 1}], "metadata": {"deep": %s%s}}'

    async with nothing_changes(database):
        for depth in (32, 253, 300):
            answer = await post(customer, body % ("[" * depth, "]" * depth))
            assert_problem(answer, 422, "validation_error")

    assert (await post(customer, body % ("[" * 31, "]" * 31))).status_code == 201


async def test_the_widest_order_that_is_right_is_taken(customer: Client, staff: Client) -> None:
    for n in range(50):
        await staff.stock(f"TEE-{n}", "AMS", 0, backorder_limit=1)
    metadata = {"largest": 2**63 - 1, "smallest": -(2**63), "text": "x" * 4_000}

    answer = await customer.place(*(line(f"TEE-{n}") for n in range(50)), ttl_seconds=7_200, external_ref="ü" * 200, metadata=metadata)

    assert answer.status_code == 201
    assert answer.json()["metadata"] == metadata


UNREADABLE = [
    b"",
    b"{",
    b'{"lines": [{"sku": "TEE", "quantity": 1}],}',
    b'{"lines": [{"sku": "TEE", "quantity": 1}]} {}',
    b'{"lines": [], "lines": [{"sku": "TEE", "quantity": 1}]}',
    b'{"lines": [{"sku": "TEE", "quantity": 1, "quantity": 2}]}',
    b'{"lines": [{"sku": "TEE", "quantity": NaN}]}',
    b'{"lines": [{"sku": "TEE", "quantity": 1}], "metadata": {"n": -Infinity}}',
    b'{"lines": [{"sku": "TEE", "quantity": ' + b"9" * 5_000 + b"}]}",
    b'{"lines": [{"sku": "\xff", "quantity": 1}]}',
    b"[" * 30_000 + b"]" * 30_000,
    b"lines=TEE",
    b"\0",
]


async def test_what_is_not_json_is_not_read(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        nothing, *answers = [await post(customer, content) for content in UNREADABLE]

    assert_fault(nothing, "")
    for answer in answers:
        assert assert_problem(answer, 400, "malformed_json").keys() & {"errors"} == set()


@pytest.mark.parametrize("content", [b"[]", b"null", b"7", b'"lines"', b"true"])
async def test_a_body_is_an_object(unplugged: Client, content: bytes) -> None:
    assert_fault(await post(unplugged, content), "")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json", ""])
async def test_a_body_says_that_it_is_json(unplugged: Client, content_type: str) -> None:
    answer = await post(unplugged, json.dumps(order()), content_type=content_type)

    assert_problem(answer, 415, "unsupported_media_type")


async def test_json_goes_by_several_names(customer: Client, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)

    for n, content_type in enumerate(["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"]):
        assert (await post(customer, json.dumps(order()), content_type=content_type, key=f"k{n}")).status_code == 201


async def test_an_order_carries_a_key(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        missing = await customer.http.post(PATH, json=order())
        odd = [await post(customer, json.dumps(order()), key=key) for key in ("", "x" * 256, "a\tb", "\x7f")]
        foreign = await customer.http.post(PATH, json=order(), headers=[(b"Idempotency-Key", "ключ".encode())])

    assert_problem(missing, 400, "idempotency_key_missing")
    for answer in (*odd, foreign):
        assert_problem(answer, 400, "idempotency_key_invalid")
