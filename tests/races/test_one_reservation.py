"""Without these, a reservation that is confirmed, cancelled and over at the same moment is told three different things."""

import asyncio
import random

import httpx
import pytest
import pytest_asyncio

from services.inventory.reservations.store import expire_due
from services.runtime.database import Database as OurDatabase
from tests.races.gate import together_at_the_gate
from tests.support.api import Client, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.invariants import assert_invariants
from tests.support.options import Rounds
from tests.support.together import together

_ENDS_SOON = "UPDATE reservations SET expires_at = clock_timestamp() + $2::float * interval '1 ms' WHERE reservation_id = $1::text::uuid"
_IS_OVER = "SELECT expires_at <= clock_timestamp() FROM reservations WHERE reservation_id = $1::text::uuid"
_STATE = "SELECT state FROM reservations WHERE reservation_id = $1::text::uuid"
_REAP = "SELECT expire_due(200)"
_NOBODY_TAKES_UNITS = "LOCK TABLE stock_levels IN SHARE MODE"
# The row that everybody wants; those in the background have a reference.
_NOBODY_TOUCHES_IT = "SELECT FROM reservations WHERE external_ref IS NULL AND state = 'held' FOR UPDATE"

pytestmark = pytest.mark.usefixtures("others", "watched")


@pytest_asyncio.fixture
async def others(staff: Client) -> None:
    """Other units of the same item, held and confirmed: a change made twice would take theirs, instead of stopping at zero."""
    await staff.stock("MUG", "AMS", 1_000_000)
    await staff.place(line("MUG", 1_000), external_ref="held")
    confirmed = await staff.place(line("MUG", 1_000), external_ref="confirmed")
    await staff.confirm(confirmed.json()["id"])


async def test_at_its_deadline_a_hold_is_confirmed_or_over_and_everybody_hears_the_same(
    customer: Client, database: Database, rounds: Rounds
) -> None:
    for _ in range(rounds(quick=25, proof=1_000)):
        reservation_id = (await customer.place(line("MUG"))).json()["id"]
        await database.do(_ENDS_SOON, reservation_id, random.uniform(1, 40))

        reaping = asyncio.gather(*(_reap_twice(database) for _ in range(2)))
        answers = await together(*(customer.confirm(reservation_id) for _ in range(4)))
        await reaping

        [heard] = {(answer.status_code, answer.json().get("code")) for answer in answers}
        await database.do(_REAP)
        [(state,)] = await database.rows(_STATE, reservation_id)
        assert (state, *heard) in {("confirmed", 200, None), ("expired", 409, "reservation_expired")}
    await assert_invariants(database)


async def test_a_confirmation_that_had_to_wait_past_the_deadline_is_too_late(customer: Client, database: Database, rounds: Rounds) -> None:
    for _ in range(rounds(quick=3, proof=100)):
        reservation_id = (await customer.place(line("MUG"))).json()["id"]
        await database.do(_ENDS_SOON, reservation_id, 150)

        async def is_over(reservation_id: str = reservation_id) -> bool:
            return await database.rows(_IS_OVER, reservation_id) == [(True,)]

        async with database.transaction() as sitting:
            await sitting.execute(_NOBODY_TOUCHES_IT)
            confirming = asyncio.create_task(customer.confirm(reservation_id))
            await eventually(is_over, within_seconds=5)

        answer = await confirming
        assert (answer.status_code, answer.json()["code"]) == (409, "reservation_expired")
        await database.do(_REAP)
        assert await database.rows(_STATE, reservation_id) == [("expired",)]
    await assert_invariants(database)


async def test_confirmed_and_cancelled_at_once_it_ends_cancelled_and_its_units_are_free(
    customer: Client, staff: Client, database: Database, rounds: Rounds
) -> None:
    for _ in range(rounds(quick=10, proof=500)):
        reservation_id = (await customer.place(line("MUG", 5))).json()["id"]
        confirming = [customer.confirm(reservation_id) for _ in range(2)]
        cancelling = [staff.cancel(reservation_id), customer.cancel(reservation_id)]

        answers = await together_at_the_gate(database, *confirming, *cancelling, gate=_NOBODY_TOUCHES_IT, at_once=4)

        assert {_heard(answer) for answer in answers[:2]} <= {(200, None), (409, "illegal_transition")}
        assert {_heard(answer) for answer in answers[2:]} == {(200, None)}
        assert await database.rows(_STATE, reservation_id) == [("cancelled",)]
        assert await database.rows("SELECT held, allocated FROM stock_now") == [(1_000, 1_000)]
    await assert_invariants(database)


async def test_a_hold_that_is_over_gives_its_units_back_once_to_however_many_reapers(
    customer: Client, ours: OurDatabase, database: Database, rounds: Rounds
) -> None:
    for _ in range(rounds(quick=10, proof=500)):
        placed = await together(*(customer.place(line("MUG", 3)) for _ in range(5)))
        for answer in placed:
            await expire(database, answer.json()["id"])

        await together_at_the_gate(
            database,
            *(ours.autocommit(expire_due, limit=200) for _ in range(4)),
            *(_is_refused(customer, answer) for answer in placed),
            gate=_NOBODY_TAKES_UNITS,
            at_once=2,
        )
        await database.do(_REAP)

        assert await database.rows("SELECT held, allocated FROM stock_now") == [(1_000, 1_000)]
    await assert_invariants(database)


async def test_units_of_a_hold_that_is_over_go_to_one_of_those_who_ask_though_no_job_ran(
    customer: Client, staff: Client, database: Database, rounds: Rounds
) -> None:
    for n in range(rounds(quick=6, proof=300)):
        await staff.stock(f"LAMP-{n}", "AMS", 1)
        held = await customer.place(line(f"LAMP-{n}"), external_ref=f"cart-{n}")
        await expire(database, held.json()["id"])

        answers = await together(*(staff.place(line(f"LAMP-{n}")) for _ in range(6)), customer.place(line("MUG"), external_ref=f"cart-{n}"))

        *asked, same_cart = answers
        assert sorted(answer.status_code for answer in asked) == [201] + [409] * 5
        assert {answer.json()["code"] for answer in asked if not answer.is_success} == {"insufficient_stock"}
        assert same_cart.status_code == 201, same_cart.text
    await assert_invariants(database)


async def _is_refused(customer: Client, placed: httpx.Response) -> None:
    answer = await customer.confirm(placed.json()["id"])
    assert _heard(answer) == (409, "reservation_expired")


async def _reap_twice(database: Database) -> None:
    for _ in range(2):
        await database.do(_REAP)


def _heard(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")
