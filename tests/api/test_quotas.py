"""Without these, one account holds the whole shop and nobody else can buy."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.races.gate import together_at_the_gate
from tests.support.api import Api, Client, line, open_api
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.people import People
from tests.support.problems import assert_problem, nothing_changes


@pytest_asyncio.fixture
async def api(database: Database, people: People) -> AsyncIterator[Api]:
    """An account may have 3 holds, and 10 units of a sku on hold. There are 50 tees and 50 mugs."""
    async with open_api(database, people, open_holds_per_account="3", units_on_hold_per_sku="10") as opened:
        staff = await opened.staff()
        for sku in ("TEE", "MUG"):
            await staff.stock(sku, "AMS", 50)
        yield opened


async def fill(customer: Client) -> list[str]:
    """As many holds as one may have."""
    return [(await customer.place(line("TEE"))).json()["id"] for _ in range(3)]


async def test_nobody_has_more_holds_than_that(customer: Client, database: Database) -> None:
    first, *_ = await fill(customer)

    async with nothing_changes(database):
        placed, put = await customer.place(line("MUG")), await customer.put_cart("cart-81", line("MUG"))
    await customer.cancel(first)

    for answer in (placed, put):
        assert_problem(answer, 409, "hold_limit_exceeded")
    assert (await customer.place(line("MUG"))).status_code == 201
    await assert_invariants(database)


async def test_of_any_number_of_orders_at_once_none_slips_past_the_limit(customer: Client, database: Database) -> None:
    orders = [customer.place(line("TEE", 4)) for _ in range(6)] + [customer.place(line("MUG", 1)) for _ in range(6)]

    answers = await together_at_the_gate(database, *orders, gate="LOCK TABLE reservations IN SHARE MODE", at_once=5)

    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    [(tees,)] = await database.rows("SELECT held FROM stock_now WHERE sku = 'TEE'")
    [(holds,)] = await database.rows("SELECT count(*) FROM reservations")
    assert (tees <= 8, holds) == (True, 3)
    await assert_invariants(database)


async def test_of_carts_that_grow_at_once_none_slips_past_the_limit(api: Api, customer: Client, database: Database) -> None:
    places = ("AMS", "BER", "CPH")  # levels of their own, so that the carts do not wait for each other there
    for warehouse in places[1:]:
        await (await api.staff()).stock("TEE", warehouse, 50)
    carts = [(await customer.place(line("TEE", 1, warehouse))).json()["id"] for warehouse in places]
    growing = [customer.replace_lines(cart, line("TEE", 8, warehouse)) for cart, warehouse in zip(carts, places, strict=True)]

    answers = await together_at_the_gate(database, *growing, gate="LOCK TABLE stock_levels IN EXCLUSIVE MODE", at_once=3)

    assert [answer.status_code for answer in answers].count(200) == 1
    assert await database.rows("SELECT sum(held) FROM stock_now WHERE sku = 'TEE'") == [(10,)]
    await assert_invariants(database)


async def test_what_is_confirmed_is_no_hold(customer: Client) -> None:
    for reservation in await fill(customer):
        await customer.confirm(reservation)

    assert (await customer.place(line("TEE", 10))).status_code == 201


async def test_a_hold_that_is_over_counts_no_more_though_no_job_ran(customer: Client, database: Database) -> None:
    for reservation in await fill(customer):
        await expire(database, reservation)

    assert (await customer.place(line("TEE", 10))).status_code == 201
    await assert_invariants(database)


async def test_nobody_has_more_units_of_a_product_on_hold_than_that(api: Api, customer: Client, database: Database) -> None:
    await (await api.staff()).stock("TEE", "BER", 50)
    await customer.place(line("TEE", 6, "AMS"))

    async with nothing_changes(database):
        assert_problem(await customer.place(line("TEE", 5, "BER")), 409, "hold_limit_exceeded")
        assert_problem(await customer.place(line("TEE", 2), line("TEE", 3, "BER")), 409, "hold_limit_exceeded")

    assert (await customer.place(line("TEE", 4, "BER"), line("MUG", 10))).status_code == 201
    await assert_invariants(database)


async def test_one_order_alone_is_too_much(customer: Client, database: Database) -> None:
    async with nothing_changes(database):
        answer = await customer.place(line("MUG"), line("TEE", 11))

    assert "confirm or cancel something first" in assert_problem(answer, 409, "hold_limit_exceeded")["detail"]


async def test_a_cart_grows_up_to_the_limit_and_its_own_units_count_once(customer: Client, database: Database) -> None:
    await customer.place(line("TEE", 2))
    cart = (await customer.put_cart("cart-81", line("TEE", 6))).json()

    assert (await customer.put_cart("cart-81", line("TEE", 8))).status_code == 200
    assert (await customer.replace_lines(cart["id"], line("TEE", 7), line("MUG", 10))).status_code == 200
    async with nothing_changes(database):
        put = await customer.put_cart("cart-81", line("TEE", 9))
        replaced = await customer.replace_lines(cart["id"], line("TEE", 9))

    for answer in (put, replaced):
        assert_problem(answer, 409, "hold_limit_exceeded")
    await assert_invariants(database)


async def test_who_has_as_many_holds_as_one_may_can_still_change_one(customer: Client) -> None:
    first, *_ = await fill(customer)

    assert (await customer.replace_lines(first, line("TEE", 8))).status_code == 200


async def test_what_others_hold_is_theirs(api: Api, customer: Client) -> None:
    await fill(await api.customer())

    assert (await customer.place(line("TEE", 10))).status_code == 201


async def test_the_staff_hold_what_they_need(api: Api, database: Database) -> None:
    staff, admin = await api.staff(), await api.admin()

    for each in (staff, admin):
        answers = [await each.place(line("TEE", 5)) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [201] * 4
    await assert_invariants(database)


async def test_a_request_that_is_sent_again_is_answered_again_at_the_limit(customer: Client) -> None:
    first = await customer.place(line("TEE", 10), key="k1")

    again = await customer.place(line("TEE", 10), key="k1")

    assert (again.status_code, again.content) == (201, first.content)


async def test_unless_told_otherwise_a_thousand_units_are_the_most(database: Database, people: People) -> None:
    async with open_api(database, people) as usual:
        customer = await usual.customer()
        await (await usual.staff()).stock("CAP", "AMS", 5_000)

        assert_problem(await customer.place(line("CAP", 1_001)), 409, "hold_limit_exceeded")
        assert (await customer.place(line("CAP", 1_000))).status_code == 201
