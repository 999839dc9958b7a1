"""Without these, the last unit is sold to everybody who asks for it at the same moment."""

import uuid
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.races.gate import together_at_the_gate
from tests.races.patience import patiently
from tests.support.api import Api, Client, line
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.options import Rounds
from tests.support.watch import watching

_NAIVE_RESERVE = Path(__file__).with_name("naive_reserve.sql")
# Orders pile up between their look at the stock and their decision.
_NOBODY_WRITES_DOWN = "LOCK TABLE reservations IN SHARE MODE"
_KEYS_OF_BUYERS = "SELECT count(*) FROM idempotency_keys WHERE account_id NOT IN (SELECT actor::uuid FROM stock_movements)"
_TOO_MANY = ("overloaded", "contention")  # two hundred for one row: on a busy machine one in 20,000 waits too long for it
_AT_ONCE = 6  # more than the connections of one API process: both are in the race
_PEOPLE = 20
_REQUESTS = 200
_REQUESTS_FAR_AWAY = 60  # or most of them would spend their time in the queue for a connection


@pytest.mark.usefixtures("watched")
async def test_of_two_hundred_requests_for_the_last_unit_one_gets_it(api: Api, database: Database, rounds: Rounds) -> None:
    staff, buyers = await api.staff(), await api.customers(_PEOPLE)
    for n in range(rounds(quick=2, proof=100)):
        await staff.stock(f"LAMP-{n}", "AMS", 1)

        answers = await _rush(database, buyers, f"LAMP-{n}", requests=_REQUESTS)

        assert _tally(answers) == {(201, None): 1, (409, "insufficient_stock"): _REQUESTS - 1}
        assert await _counters(database, f"LAMP-{n}") == (1, 1, 0)
    # Whoever was refused may send the same key again when there is stock.
    assert await database.rows(_KEYS_OF_BUYERS) == [(n + 1,)]
    await assert_invariants(database)


@pytest.mark.usefixtures("watched")
async def test_one_gets_it_too_when_the_database_is_far_away(staff: Client, far_api: Api, database: Database, rounds: Rounds) -> None:
    buyers = await far_api.customers(_PEOPLE)
    for n in range(rounds(quick=1, proof=100)):
        await staff.stock(f"LAMP-{n}", "AMS", 1)

        answers = await _rush(database, buyers, f"LAMP-{n}", requests=_REQUESTS_FAR_AWAY)

        assert _tally(answers) == {(201, None): 1, (409, "insufficient_stock"): _REQUESTS_FAR_AWAY - 1}
        assert await _counters(database, f"LAMP-{n}") == (1, 1, 0)
    await assert_invariants(database)


async def test_a_shop_that_looks_first_and_takes_later_oversells_in_the_same_rush(api: Api, database: Database) -> None:
    await database.do(_NAIVE_RESERVE.read_text())
    staff, buyers = await api.staff(), await api.customers(_PEOPLE)
    sold = 0
    async with watching(database) as watch:
        for n in range(5):  # on a machine that has better things to do, not even a naive shop oversells at once
            await staff.stock(f"LAMP-{n}", "AMS", 1)

            sold = sum(answer.is_success for answer in await _rush(database, buyers, f"LAMP-{n}", requests=_REQUESTS))

            assert await _counters(database, f"LAMP-{n}") == (1, sold, 0)
            if sold > 1:
                break
    assert sold > 1, "this harness would not notice overselling"
    assert {what for what, *_ in watch.seen} == {"oversold"}, "nor would whoever watches"


async def _rush(database: Database, buyers: list[Client], sku: str, *, requests: int) -> list[httpx.Response]:
    """Everybody asks for one unit, all at once and each time with another key."""

    async def buy(buyer: Client) -> httpx.Response:
        key = uuid.uuid4().hex
        return await patiently(lambda: buyer.place(line(sku), key=key), codes=_TOO_MANY)

    orders = (buy(buyers[n % len(buyers)]) for n in range(requests))
    return await together_at_the_gate(database, *orders, gate=_NOBODY_WRITES_DOWN, at_once=_AT_ONCE)


def _tally(answers: list[httpx.Response]) -> Counter[tuple[int, str | None]]:
    return Counter((answer.status_code, answer.json().get("code")) for answer in answers)


async def _counters(database: Database, sku: str) -> tuple[int, int, int]:
    """On hand, held, allocated."""
    [(on_hand, held, allocated)] = await database.rows("SELECT on_hand, held, allocated FROM stock_now WHERE sku = $1", sku)
    return on_hand, held, allocated
