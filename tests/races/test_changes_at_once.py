"""Without these, two who change the same thing at the same moment each get half of what they asked for."""

import httpx
import pytest

from tests.races.gate import together_at_the_gate
from tests.support.api import Api, Client, counted, line, units
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.levels import level
from tests.support.options import Rounds

pytestmark = pytest.mark.usefixtures("watched")

_NOBODY_TOUCHES_LEVELS = "LOCK TABLE stock_levels IN SHARE MODE"
_NOBODY_TOUCHES_RESERVATIONS = "SELECT FROM reservations WHERE state IN ('held', 'confirmed') FOR UPDATE"
_NOBODY_WRITES_DOWN = "LOCK TABLE reservations IN SHARE MODE"


async def test_units_that_travel_both_ways_at_once_all_arrive(staff: Client, database: Database, rounds: Rounds) -> None:
    for sku in ("TEE", "MUG"):
        for warehouse in ("AMS", "BER"):
            await staff.stock(sku, warehouse, 20)
    both = [{"sku": "TEE", "quantity": 3}, {"sku": "MUG", "quantity": 2}]
    for _ in range(rounds(quick=8, proof=300)):
        there = [staff.transfer("AMS", "BER", *both) for _ in range(3)]
        back = [staff.transfer("BER", "AMS", *reversed(both)) for _ in range(3)]

        answers = await together_at_the_gate(database, *there, *back, gate=_NOBODY_TOUCHES_LEVELS, at_once=5)

        # A deadlock would end in 503 contention.
        assert {_heard(answer) for answer in answers} == {(201, None)}
        assert await database.rows("SELECT on_hand FROM stock_now") == [(20,)] * 4
    await assert_invariants(database)


async def test_a_transfer_takes_no_unit_that_is_sold_at_that_moment(staff: Client, database: Database, rounds: Rounds) -> None:
    for n in range(rounds(quick=8, proof=300)):
        sku = f"TEE-{n}"
        await staff.stock(sku, "AMS", 4)
        await staff.stock(sku, "BER", 0)
        buying = [staff.place(line(sku, 1, "AMS")) for _ in range(4)]
        moving = [staff.transfer("AMS", "BER", {"sku": sku, "quantity": 1}) for _ in range(4)]

        answers = await together_at_the_gate(database, *buying, *moving, gate=_NOBODY_TOUCHES_LEVELS, at_once=5)

        assert {_heard(answer) for answer in answers[:4]} <= {(201, None), (409, "insufficient_stock")}
        assert {_heard(answer) for answer in answers[4:]} <= {(201, None), (409, "insufficient_available")}
        held, gone = (sum(answer.is_success for answer in group) for group in (answers[:4], answers[4:]))
        assert held + gone == 4
        assert (await level(database, sku), await level(database, sku, "BER")) == ((4 - gone, held, 0), (gone, 0, 0))
    await assert_invariants(database)


async def test_of_two_who_replace_the_lines_at_once_one_is_last(
    customer: Client, staff: Client, database: Database, rounds: Rounds
) -> None:
    for sku in ("TEE", "MUG"):
        await staff.stock(sku, "AMS", 20)
    wanted = [{"TEE": 3}, {"MUG": 4}, {"TEE": 1, "MUG": 1}, {"MUG": 2, "TEE": 2}]
    for _ in range(rounds(quick=8, proof=300)):
        reservation = (await customer.place(line("TEE", 2))).json()["id"]
        changes = [customer.replace_lines(reservation, *(line(sku, count) for sku, count in each.items())) for each in wanted]

        answers = await together_at_the_gate(database, *changes, gate=_NOBODY_TOUCHES_RESERVATIONS, at_once=4)

        assert {_heard(answer) for answer in answers} == {(200, None)}
        last = (await customer.reservation(reservation)).json()
        lines = {one["sku"]: one["quantity"] for one in last["lines"]}
        assert last["version"] == 1 + len(wanted)
        assert lines in wanted
        assert [await level(database, sku) for sku in ("TEE", "MUG")] == [(20, lines.get(sku, 0), 0) for sku in ("TEE", "MUG")]
        await customer.cancel(reservation)
    await assert_invariants(database)


async def test_of_two_who_want_the_rest_for_their_carts_one_gets_it(api: Api, staff: Client, database: Database, rounds: Rounds) -> None:
    buyers = await api.customers(4)
    for n in range(rounds(quick=8, proof=300)):
        sku = f"TEE-{n}"
        await staff.stock(sku, "AMS", 6)
        carts = [(await buyer.place(line(sku))).json()["id"] for buyer in buyers]

        changes = [buyer.replace_lines(cart, line(sku, 3)) for buyer, cart in zip(buyers, carts, strict=True)]
        answers = await together_at_the_gate(database, *changes, gate=_NOBODY_TOUCHES_LEVELS, at_once=4)

        assert sorted(_heard(answer)[0] for answer in answers) == [200, 409, 409, 409]
        assert await level(database, sku) == (6, 6, 0)
        for buyer, cart in zip(buyers, carts, strict=True):
            await buyer.cancel(cart)
    await assert_invariants(database)


async def test_carts_with_one_reference_are_one_cart(customer: Client, staff: Client, database: Database, rounds: Rounds) -> None:
    await staff.stock("TEE", "AMS", 1_000)
    for n in range(rounds(quick=8, proof=100)):
        saving = [customer.put_cart(f"cart-{n}", line("TEE", 1 + k % 2)) for k in range(6)]

        answers = await together_at_the_gate(database, *saving, gate=_NOBODY_WRITES_DOWN, at_once=5)

        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
        assert len({answer.json()["id"] for answer in answers}) == 1
        await customer.cancel(answers[0].json()["id"])
    assert await level(database) == (1_000, 0, 0)
    await assert_invariants(database)


async def test_units_are_shipped_or_given_back_but_not_both(customer: Client, staff: Client, database: Database, rounds: Rounds) -> None:
    for n in range(rounds(quick=10, proof=500)):
        sku = f"TEE-{n}"
        await staff.stock(sku, "AMS", 5)
        reservation = (await customer.place(line(sku, 3))).json()["id"]
        await customer.confirm(reservation)
        shipping = [staff.fulfil(reservation, units(sku, 2)) for _ in range(2)]

        answers = await together_at_the_gate(
            database, *shipping, customer.cancel(reservation), gate=_NOBODY_TOUCHES_RESERVATIONS, at_once=3
        )

        shipped = sum(answer.is_success for answer in answers[:2])
        assert shipped <= 1
        codes = {_heard(answer)[1] for answer in answers[:2] if not answer.is_success}
        assert codes <= {"illegal_transition", "exceeds_open_quantity"}
        assert _heard(answers[2]) == (200, None)
        [end] = (await customer.reservation(reservation)).json()["lines"]
        assert (end["fulfilled"], end["released"]) == (2 * shipped, 3 - 2 * shipped)
        assert await level(database, sku) == (5 - 2 * shipped, 0, 0)
    await assert_invariants(database)


async def test_what_is_shipped_by_many_at_once_leaves_once(customer: Client, staff: Client, database: Database, rounds: Rounds) -> None:
    for n in range(rounds(quick=6, proof=300)):
        sku = f"TEE-{n}"
        await staff.stock(sku, "AMS", 9)
        reservation = (await customer.place(line(sku, 3))).json()["id"]
        await customer.confirm(reservation)

        shipping = [staff.fulfil(reservation) for _ in range(4)]
        answers = await together_at_the_gate(database, *shipping, gate=_NOBODY_TOUCHES_RESERVATIONS, at_once=4)

        assert {answer.json()["state"] for answer in answers} == {"fulfilled"}
        assert await level(database, sku) == (6, 0, 0)
    await assert_invariants(database)


async def test_a_hold_that_must_give_way_is_confirmed_first_or_never(
    customer: Client, staff: Client, database: Database, rounds: Rounds
) -> None:
    for n in range(rounds(quick=10, proof=500)):
        sku = f"TEE-{n}"
        await staff.stock(sku, "AMS", 5)
        reservation = (await customer.place(line(sku, 4))).json()["id"]
        counting = staff.count(counted(sku, 3, 5), on_shortage="displace")

        confirmation, count = await together_at_the_gate(
            database, customer.confirm(reservation), counting, gate=_NOBODY_TOUCHES_RESERVATIONS, at_once=2
        )

        state = (await customer.reservation(reservation)).json()["state"]
        heard = (state, _heard(confirmation), _heard(count))
        assert heard in [
            ("confirmed", (200, None), (409, "stock_below_reserved")),
            ("cancelled", (409, "illegal_transition"), (201, None)),
        ]
    await assert_invariants(database)


def _heard(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")
