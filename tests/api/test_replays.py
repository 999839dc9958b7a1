"""Without these, a request that is sent again after a broken connection is done again, or answered with something else."""

import httpx

from tests.support.api import Api, Client, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.problems import assert_problem, nothing_changes


def assert_replay(answer: httpx.Response, first: httpx.Response) -> None:
    """The first answer, byte for byte, and marked as a replay."""
    assert first.is_success, first.text
    assert answer.status_code == first.status_code
    assert answer.content == first.content
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    same = {"location", "etag", "content-type", "content-length", "cache-control"}
    assert {name: answer.headers.get(name) for name in same} == {name: first.headers.get(name) for name in same}


async def test_a_reservation_sent_again_is_answered_again(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    metadata = {"zebra": [1, 2.5, None], "a": {"ü": "€"}}
    first = await customer.place(line("TEE", 2), key="k1", external_ref="cart-81", metadata=metadata)

    async with nothing_changes(database):
        again = await customer.place(line("TEE", 2), key="k1", external_ref="cart-81", metadata=metadata)

    assert_replay(again, first)
    assert first.json()["metadata"] == metadata


async def test_saying_a_default_is_not_another_request(customer: Client, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)
    first = await customer.place(line("TEE"), key="k1")

    again = await customer.place({"quantity": 1, "warehouse": None, "sku": "TEE"}, key="k1", ttl_seconds=600, strategy="priority")

    assert_replay(again, first)


async def test_a_replay_needs_no_stock_and_survives_the_hold(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 1)
    first = await customer.place(line("TEE"), key="k1")
    sold_out = await customer.place(line("TEE"), key="k1")
    await expire(database, first.json()["id"])

    async with nothing_changes(database):
        over = await customer.place(line("TEE"), key="k1")

    assert_replay(sold_out, first)
    assert_replay(over, first)


async def test_transitions_are_replayed_as_they_were(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    reservation = (await customer.place(line("TEE", 2), metadata={"zebra": 1, "a": 2.0})).json()["id"]
    confirmed = await customer.confirm(reservation, key="confirm")
    cancelled = await customer.cancel(reservation, key="cancel", reason="too blue")

    async with nothing_changes(database):
        confirmed_again = await customer.confirm(reservation, key="confirm")
        cancelled_again = await customer.cancel(reservation, key="cancel", reason="too blue")

    assert_replay(confirmed_again, confirmed)
    assert_replay(cancelled_again, cancelled)
    await assert_invariants(database)


async def test_a_delivery_sent_again_arrives_once(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 0)
    first = await staff.adjust("TEE", "AMS", 5, key="k1")

    async with nothing_changes(database):
        again = await staff.adjust("TEE", "AMS", 5, key="k1")

    assert_replay(again, first)
    assert first.json()["items"][0]["on_hand"] == 5


async def test_a_key_cannot_be_used_for_another_request(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    reservation = (await customer.place(line("TEE"), key="k1")).json()["id"]
    await customer.confirm(reservation, key="k2")
    await staff.adjust("TEE", "AMS", 1, key="k3")

    async with nothing_changes(database):
        answers = [
            await customer.place(line("TEE", 2), key="k1"),
            await customer.place(line("TEE", 9), key="k1"),  # sold out, which must not be told instead
            await customer.place(line("TEE"), key="k1", ttl_seconds=60),
            await customer.confirm(reservation, key="k1"),
            await customer.cancel(reservation, key="k2"),
            await staff.adjust("TEE", "AMS", 2, key="k3"),
            await staff.adjust("TEE", "AMS", 1, key="k3", reason="return"),
        ]

    for answer in answers:
        assert_problem(answer, 422, "idempotency_key_reused")


async def test_a_key_belongs_to_one_reservation(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    one, other = [(await customer.place(line("TEE"))).json()["id"] for _ in range(2)]
    await customer.confirm(one, key="k1")

    async with nothing_changes(database):
        assert_problem(await customer.confirm(other, key="k1"), 422, "idempotency_key_reused")


async def test_two_accounts_may_use_one_key(api: Api, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    answers = [await each.place(line("TEE"), key="k1") for each in await api.customers(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 2
    assert await database.rows("SELECT held FROM stock_levels") == [(2,)]


async def test_a_refusal_leaves_no_key_behind(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 1)
    reservation = (await customer.place(line("TEE"))).json()["id"]

    async with nothing_changes(database):
        assert_problem(await customer.place(line("TEE"), key="k1"), 409, "insufficient_stock")
        assert_problem(await staff.confirm(reservation, key="k2"), 404, "not_found")
        assert_problem(await staff.adjust("TEE", "AMS", -2, key="k3"), 409, "insufficient_on_hand")
    await customer.cancel(reservation)

    assert (await customer.place(line("TEE", 1), key="k1")).status_code == 201
    assert (await staff.adjust("TEE", "AMS", 2, key="k3")).status_code == 201
    await assert_invariants(database)


async def test_a_key_is_any_printable_text(customer: Client, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)

    for key in ("!", "~" * 255, "with blanks and 'quotes'"):
        first = await customer.place(line("TEE"), key=key)
        assert_replay(await customer.place(line("TEE"), key=key), first)
