"""Without these, a cart that is saved twice is two carts, or saving it costs its owner what was in it."""

import pytest

from tests.support.api import Api, Client, Json, line, units
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.levels import level
from tests.support.problems import assert_fault, assert_problem, nothing_changes
from tests.support.together import together

REFERENCES = ["cart/81", "a%2Fb", "ü €", "by-ref", "lines", "x" * 200, "/" * 200, "e\u0301", "?#"]


async def made(customer: Client, staff: Client) -> Json:
    """A cart of 2 of 5 tees, for a minute."""
    await staff.stock("TEE", "AMS", 5)
    cart: Json = (await customer.put_cart("cart-81", line("TEE", 2), ttl_seconds=60)).json()
    return cart


async def test_a_cart_is_made_by_its_reference(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    answer = await customer.put_cart("cart-81", line("TEE", 2), ttl_seconds=60, metadata={"channel": "web"})

    assert answer.status_code == 201
    body = answer.json()
    assert (answer.headers["Location"], answer.headers["ETag"]) == (f"/v1/reservations/{body['id']}", '"1"')
    assert (body["state"], body["external_ref"], body["metadata"]) == ("held", "cart-81", {"channel": "web"})
    assert await database.rows("SELECT expires_at - created_at = interval '60 s' FROM reservations") == [(True,)]
    assert customer.person
    assert await database.rows("SELECT key FROM idempotency_keys WHERE account_id = $1", customer.person.account_id) == []
    assert await level(database) == (5, 2, 0)
    await assert_invariants(database)


async def test_a_cart_is_changed_by_its_reference_and_lasts_no_longer_for_it(customer: Client, staff: Client, database: Database) -> None:
    cart = await made(customer, staff)

    answer = await customer.put_cart("cart-81", line("TEE", 5), ttl_seconds=7_200)

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert "Location" not in answer.headers
    body = answer.json()
    assert (body["id"], body["expires_at"], body["version"]) == (cart["id"], cart["expires_at"], 2)
    assert [one["quantity"] for one in body["lines"]] == [5]
    assert await level(database) == (5, 5, 0)
    await assert_invariants(database)


async def test_the_same_content_twice_changes_nothing(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "BER", 5)
    await staff.stock("MUG", "BER", 5)
    await customer.put_cart("cart-81", line("TEE", 2), line("MUG", 1, "BER"))
    await staff.stock("TEE", "AMS", 5)  # which would be the first choice now

    async with nothing_changes(database):
        again = await customer.put_cart("cart-81", line("TEE", 2), line("MUG", 1, "BER"))
        in_other_words = await customer.put_cart("cart-81", line("MUG"), line("TEE"), line("TEE"))

    for answer in (again, in_other_words):
        assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')


@pytest.mark.parametrize("other", [line("TEE", 2, "AMS"), line("TEE", 3), line("MUG", 2)])
async def test_other_content_changes_it(customer: Client, staff: Client, database: Database, other: Json) -> None:
    await staff.stock("TEE", "BER", 5)
    await customer.put_cart("cart-81", line("TEE", 2))
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("MUG", "AMS", 5)

    answer = await customer.put_cart("cart-81", other)

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert [(one["sku"], one["warehouse"], one["quantity"]) for one in answer.json()["lines"]] == [(other["sku"], "AMS", other["quantity"])]
    await assert_invariants(database)


async def test_its_metadata_is_part_of_its_content(customer: Client, staff: Client, database: Database) -> None:
    await made(customer, staff)

    answer = await customer.put_cart("cart-81", line("TEE", 2), metadata={"gift": True})

    assert (answer.status_code, answer.headers["ETag"], answer.json()["metadata"]) == (200, '"2"', {"gift": True})
    await assert_invariants(database)


async def test_what_was_confirmed_is_a_cart_no_more(customer: Client, staff: Client, database: Database) -> None:
    cart = await made(customer, staff)
    await customer.confirm(cart["id"])

    async with nothing_changes(database):
        answers = [await customer.put_cart("cart-81", line("TEE", quantity)) for quantity in (2, 3)]

    for answer in answers:
        assert "is confirmed" in assert_problem(answer, 409, "illegal_transition")["detail"]


@pytest.mark.parametrize("how", ["cancelled", "fulfilled", "expired", "expired and noticed"])
async def test_what_has_ended_makes_room_for_a_new_one(customer: Client, staff: Client, database: Database, how: str) -> None:
    cart = await made(customer, staff)
    if how == "cancelled":
        await customer.cancel(cart["id"])
    elif how == "fulfilled":
        await customer.confirm(cart["id"])
        await staff.fulfil(cart["id"], units("TEE", 2))
    else:
        await expire(database, cart["id"])
    if how == "expired and noticed":
        await database.do("SELECT expire_due(10)")

    answer = await customer.put_cart("cart-81", line("TEE", 2))

    assert answer.status_code == 201
    assert answer.json()["id"] != cart["id"]
    states = await database.rows("SELECT state FROM reservations ORDER BY created_at")
    assert states == [(how.partition(" ")[0],), ("held",)]
    await assert_invariants(database)


@pytest.mark.parametrize("reference", REFERENCES)
async def test_any_text_is_a_reference_and_means_itself(customer: Client, staff: Client, database: Database, reference: str) -> None:
    await staff.stock("TEE", "AMS", 5)
    placed = (await customer.place(line("TEE"), external_ref=reference)).json()

    answer = await customer.put_cart(reference, line("TEE", 2))

    assert (answer.status_code, answer.json()["id"], answer.json()["external_ref"]) == (200, placed["id"], reference)
    assert await database.rows("SELECT external_ref FROM reservations") == [(reference,)]


async def test_a_reference_is_short(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        for reference in ("x" * 201, "a\0b"):
            assert_fault(await customer.put_cart(reference, line("TEE")), "external_ref")


async def test_a_cart_that_cannot_be_filled_is_neither_made_nor_changed(customer: Client, staff: Client, database: Database) -> None:
    await made(customer, staff)

    async with nothing_changes(database):
        answers = [await customer.put_cart(reference, line("TEE", 6)) for reference in ("cart-81", "cart-82")]

    available = [assert_problem(answer, 409, "insufficient_stock")["errors"][0]["available"] for answer in answers]
    assert available == [5, 3]


async def test_two_accounts_have_each_their_own(api: Api, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)

    answers = [await each.put_cart("cart-81", line("TEE")) for each in await api.customers(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 2


async def test_two_at_once_make_one(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    answers = await together(*(customer.put_cart("cart-81", line("TEE", 2)) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await level(database) == (5, 2, 0)
    await assert_invariants(database)
