"""Without these, units are promised twice, or refused though they were there, when many want them at once."""

import random
from collections.abc import Sequence

import httpx
import pytest
import pytest_asyncio

from tests.support.api import Api, Client, line
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.options import Rounds
from tests.support.together import together

pytestmark = pytest.mark.usefixtures("watched")

_CROWD = 24


@pytest_asyncio.fixture
async def crowd(staff: Client) -> list[Client]:
    """One person at many windows, who may hold as much as they like: who asks decides nothing."""
    return [staff] * _CROWD


async def test_whatever_many_ask_for_no_more_is_held_than_there_is(
    crowd: list[Client], staff: Client, database: Database, rounds: Rounds
) -> None:
    for n in range(rounds(quick=8, proof=300)):
        await staff.stock(f"MUG-{n}", "AMS", 20)
        wanted = [random.randint(1, 4) for _ in crowd]

        answers = await together(*(buyer.place(line(f"MUG-{n}", units)) for buyer, units in zip(crowd, wanted, strict=True)))

        held = sum(units for units, answer in zip(wanted, answers, strict=True) if answer.status_code == 201)
        refused = [units for units, answer in zip(wanted, answers, strict=True) if _code(answer) == "insufficient_stock"]
        assert sum(answer.status_code == 201 for answer in answers) + len(refused) == _CROWD, {answer.text for answer in answers}
        assert await database.rows("SELECT held FROM stock_now WHERE sku = $1", f"MUG-{n}") == [(held,)]
        assert all(units > 20 - held for units in refused), "refused although there was enough"
    await assert_invariants(database)


async def test_units_leave_the_warehouse_or_are_promised_but_not_both(
    crowd: list[Client], staff: Client, database: Database, rounds: Rounds
) -> None:
    for n in range(rounds(quick=8, proof=300)):
        sku = f"MUG-{n}"
        await staff.stock(sku, "AMS", 12)

        answers = await together(
            *(buyer.place(line(sku)) for buyer in crowd[:12]), *(staff.adjust(sku, "AMS", -1, reason="damage") for _ in range(12))
        )

        placed, taken = answers[:12], answers[12:]
        assert {_code(answer) for answer in placed} <= {None, "insufficient_stock"}
        assert {_code(answer) for answer in taken} <= {None, "stock_below_reserved", "insufficient_on_hand"}
        gone, held = (sum(answer.is_success for answer in group) for group in (taken, placed))
        assert gone + held == 12
        assert await database.rows("SELECT on_hand, held FROM stock_now WHERE sku = $1", sku) == [(12 - gone, held)]
    await assert_invariants(database)


async def test_baskets_packed_in_any_order_never_wait_for_each_other(api: Api, staff: Client, database: Database, rounds: Rounds) -> None:
    skus = ["CAP", "LAMP", "MUG", "PEN", "TEE"]
    for sku in skus:
        await staff.stock(sku, "AMS", 1_000_000)

    async def buy_and_change_mind(buyer: Client, basket: Sequence[str]) -> list[httpx.Response]:
        placed = await buyer.place(*(line(sku) for sku in basket))
        confirmed = await buyer.confirm(placed.json()["id"])
        return [placed, confirmed, await buyer.cancel(placed.json()["id"])]

    for _ in range(rounds(quick=8, proof=300)):
        clerk = await api.staff()  # a new one: far away all rounds take longer than a token is good for
        baskets = [random.sample(skus, k=len(skus)) for _ in range(_CROWD)]
        answers = await together(*(buy_and_change_mind(clerk, basket) for basket in baskets))

        # A deadlock would end in 503 contention, and whoever waited behind it in 503 overloaded.
        assert {answer.status_code for each in answers for answer in each} == {200, 201}
    assert await database.rows("SELECT DISTINCT held, allocated FROM stock_now") == [(0, 0)]
    await assert_invariants(database)


async def test_a_line_without_a_warehouse_finds_the_last_unit_in_any(
    crowd: list[Client], staff: Client, database: Database, rounds: Rounds
) -> None:
    for n in range(rounds(quick=6, proof=200)):
        await staff.stock(f"MUG-{n}", "AMS", 5)
        await staff.stock(f"MUG-{n}", "BER", 5)

        answers = await together(*(buyer.place(line(f"MUG-{n}")) for buyer in crowd))

        assert sorted(answer.status_code for answer in answers) == [201] * 10 + [409] * (_CROWD - 10)
        assert await database.rows("SELECT held FROM stock_now WHERE sku = $1", f"MUG-{n}") == [(5,), (5,)]
    await assert_invariants(database)


async def test_of_many_carts_with_one_reference_one_is_live(crowd: list[Client], staff: Client, database: Database, rounds: Rounds) -> None:
    await staff.stock("MUG", "AMS", 1_000_000)
    for n in range(rounds(quick=8, proof=300)):
        answers = await together(*(buyer.place(line("MUG"), external_ref=f"cart-{n}") for buyer in crowd))

        assert sorted(_code(answer) or "placed" for answer in answers) == ["duplicate_reference"] * (_CROWD - 1) + ["placed"]
    assert await database.rows("SELECT held FROM stock_now") == [(n + 1,)]
    await assert_invariants(database)


def _code(answer: httpx.Response) -> str | None:
    code: str | None = answer.json().get("code")
    return code
