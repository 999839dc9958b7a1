"""Without these, a cart that is sent twice is held twice, or one that is over blocks its successor."""

from tests.support.api import Api, Client, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.problems import assert_problem, nothing_changes


async def test_a_reference_has_one_live_reservation(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    first = (await customer.place(line("TEE"), external_ref="cart-81")).json()

    async with nothing_changes(database):
        answer = await customer.place(line("TEE"), external_ref="cart-81")
    await customer.confirm(first["id"])
    async with nothing_changes(database):
        again = await customer.place(line("TEE"), external_ref="cart-81")

    assert "'cart-81'" in assert_problem(answer, 409, "duplicate_reference")["detail"]
    assert_problem(again, 409, "duplicate_reference")


async def test_a_reference_is_free_again_when_its_reservation_is_cancelled(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    first = (await customer.place(line("TEE"), external_ref="cart-81")).json()
    await customer.cancel(first["id"])

    assert (await customer.place(line("TEE"), external_ref="cart-81")).status_code == 201
    await assert_invariants(database)


async def test_a_reference_is_free_again_when_its_hold_is_over(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)
    first = (await customer.place(line("TEE"), external_ref="cart-81")).json()
    await expire(database, first["id"])  # and no job runs

    second = await customer.place(line("TEE"), external_ref="cart-81")

    assert second.status_code == 201
    assert second.json()["id"] != first["id"]
    assert await database.rows("SELECT state FROM reservations ORDER BY created_at") == [("expired",), ("held",)]
    await assert_invariants(database)


async def test_an_order_may_need_both_what_a_dead_hold_keeps_and_its_reference(api: Api, staff: Client, database: Database) -> None:
    owner, other = await api.customers(2)
    await staff.stock("TEE", "AMS", 5)
    await staff.stock("LAMP", "AMS", 1)
    dead = [await owner.place(line("TEE"), external_ref="cart-81"), await other.place(line("LAMP"))]
    for answer in dead:
        await expire(database, answer.json()["id"])

    again = await owner.place(line("LAMP"), external_ref="cart-81")

    assert again.status_code == 201, again.text
    await assert_invariants(database)


async def test_the_reference_of_another_is_no_obstacle(api: Api, staff: Client) -> None:
    await staff.stock("TEE", "AMS", 5)

    answers = [await each.place(line("TEE"), external_ref="cart-81") for each in await api.customers(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
