"""Without these, a client that sends its request again, because the first seemed lost, gets it done twice or hears a lie."""

import httpx
import pytest

from services.inventory.reservations.model import OrderLine
from tests.races.patience import patiently
from tests.support.api import Api, Client, line
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.options import Rounds
from tests.support.shop import Shop
from tests.support.together import together

pytestmark = pytest.mark.usefixtures("watched")

REPLAYED = "Idempotent-Replayed"


async def test_a_hundred_requests_with_one_key_for_the_last_unit_are_one_reservation(api: Api, database: Database, rounds: Rounds) -> None:
    staff, customer = await api.staff(), await api.customer()
    for n in range(rounds(quick=2, proof=200)):
        sku, key = f"LAMP-{n}", f"key-{n}"
        await staff.stock(sku, "AMS", 1)

        answers = await together(*(_place(customer, sku, key) for _ in range(100)))

        assert {answer.status_code for answer in answers} == {201}, {answer.text for answer in answers if not answer.is_success}
        assert len({answer.content for answer in answers}) == 1
        assert len({(answer.headers["Location"], answer.headers["ETag"]) for answer in answers}) == 1
        assert [answer.headers[REPLAYED] for answer in answers if REPLAYED in answer.headers] == ["true"] * 99
        assert await database.rows("SELECT on_hand, held, allocated FROM stock_now WHERE sku = $1", sku) == [(1, 1, 0)]
    assert await database.rows("SELECT count(*) FROM reservations") == [(n + 1,)]
    await assert_invariants(database)


async def test_whoever_asks_again_never_hears_that_the_unit_they_got_is_sold_out(shop: Shop, database: Database, rounds: Rounds) -> None:
    await shop.warehouse("AMS")
    for n in range(rounds(quick=100, proof=3_000)):
        sku = f"LAMP-{n}"
        await shop.product(sku)
        await shop.stock(sku, "AMS", 1)

        # Without HTTP between them, so that a retry falls into every gap that the first leaves.
        answers = await together(*(shop.place(OrderLine(sku, 1), key=sku) for _ in range(8)))

        assert len({placed.reservation.reservation_id for placed in answers}) == 1
        assert sum(placed.is_replay for placed in answers) == 7
    await assert_invariants(database)


async def test_of_many_requests_with_one_key_and_other_contents_one_is_answered(
    customer: Client, staff: Client, database: Database, rounds: Rounds
) -> None:
    await staff.stock("MUG", "AMS", 1_000)
    for n in range(rounds(quick=10, proof=100)):
        answers = await together(*(customer.place(line("MUG", quantity), key=f"key-{n}") for quantity in range(1, 9)))

        refused = [answer.json()["code"] for answer in answers if not answer.is_success]
        assert refused == ["idempotency_key_reused"] * 7
    assert await database.rows("SELECT count(*) FROM reservations") == [(n + 1,)]
    await assert_invariants(database)


@pytest.mark.parametrize("action", ["confirm", "cancel"])
async def test_a_transition_sent_many_times_at_once_is_made_once_and_answered_alike(
    customer: Client, staff: Client, database: Database, rounds: Rounds, action: str
) -> None:
    await staff.stock("MUG", "AMS", 1_000)
    await customer.place(line("MUG", 500))  # or a transition made twice would stop at zero
    for n in range(rounds(quick=10, proof=200)):
        reservation_id = (await customer.place(line("MUG"))).json()["id"]

        answers = await together(*(getattr(customer, action)(reservation_id, key=f"key-{n}") for _ in range(8)))

        assert {answer.status_code for answer in answers} == {200}, {answer.text for answer in answers}
        assert len({answer.content for answer in answers}) == 1
        assert sum(REPLAYED in answer.headers for answer in answers) == 7
    await assert_invariants(database)


async def test_units_that_arrive_are_counted_once_though_many_say_so(staff: Client, database: Database, rounds: Rounds) -> None:
    await staff.stock("MUG", "AMS", 0)
    for n in range(rounds(quick=10, proof=200)):
        answers = await together(*(staff.adjust("MUG", "AMS", 5, key=f"key-{n}") for _ in range(8)))

        assert {answer.status_code for answer in answers} == {201}, {answer.text for answer in answers}
        assert len({answer.content for answer in answers}) == 1
        assert await database.rows("SELECT on_hand FROM stock_now") == [(5 * (n + 1),)]
    await assert_invariants(database)


async def test_a_refusal_leaves_the_key_free_for_when_there_is_stock(customer: Client, staff: Client, database: Database) -> None:
    await staff.stock("LAMP", "AMS", 0)

    refusals = await together(*(customer.place(line("LAMP"), key="mine") for _ in range(8)))
    await staff.adjust("LAMP", "AMS", 1)
    answers = await together(*(customer.place(line("LAMP"), key="mine") for _ in range(8)))

    assert {refusal.json()["code"] for refusal in refusals} == {"insufficient_stock"}
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    await assert_invariants(database)


async def _place(customer: Client, sku: str, key: str) -> httpx.Response:
    return await patiently(lambda: customer.place(line(sku), key=key))
