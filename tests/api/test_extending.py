"""Without these, a cart is lost while its owner pays, or kept from everybody else for ever."""

import pytest

from tests.support.api import Api, Client, Json, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.levels import level
from tests.support.problems import assert_problem, nothing_changes

SECONDS_LEFT = "SELECT extract(epoch FROM expires_at - clock_timestamp())::float FROM reservations"


async def held(customer: Client, staff: Client, ttl_seconds: int = 60) -> Json:
    """2 tees of 5, for a minute."""
    await staff.stock("TEE", "AMS", 5)
    reservation: Json = (await customer.place(line("TEE", 2), ttl_seconds=ttl_seconds)).json()
    return reservation


async def test_a_hold_can_be_kept_for_longer(customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)

    answer = await customer.extend(reservation["id"], 600)

    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"2"'
    body = answer.json()
    assert (body["state"], body["version"], body["created_at"]) == ("held", 2, reservation["created_at"])
    assert body["expires_at"] > reservation["expires_at"]
    [(left,)] = await database.rows(SECONDS_LEFT)
    assert 590 < left <= 600
    assert await level(database) == (5, 2, 0)
    await assert_invariants(database)


async def test_asking_for_less_time_than_is_left_takes_none_away(customer: Client, staff: Client) -> None:
    reservation = await held(customer, staff, ttl_seconds=600)

    answer = await customer.extend(reservation["id"], 1)

    assert (answer.status_code, answer.json()["expires_at"]) == (200, reservation["expires_at"])


async def test_two_hours_after_its_creation_a_hold_is_over_however_often_it_was_extended(
    customer: Client, staff: Client, database: Database
) -> None:
    reservation = await held(customer, staff)
    await database.do("UPDATE reservations SET created_at = created_at - interval '1 h'")

    for seconds in (7_200, 7_200, 60):
        assert (await customer.extend(reservation["id"], seconds)).status_code == 200

    assert await database.rows("SELECT expires_at - created_at = interval '2 h' FROM reservations") == [(True,)]


@pytest.mark.parametrize("was_noticed", [False, True])
async def test_a_hold_that_is_over_is_not_brought_back(customer: Client, staff: Client, database: Database, *, was_noticed: bool) -> None:
    reservation = await held(customer, staff)
    await expire(database, reservation["id"])
    if was_noticed:
        await database.do("SELECT expire_due(10)")

    async with nothing_changes(database):
        answer = await customer.extend(reservation["id"], 7_200)

    assert assert_problem(answer, 409, "reservation_expired")["detail"].endswith("Z; place a new one")


@pytest.mark.parametrize(("transition", "state"), [("confirm", "confirmed"), ("cancel", "cancelled")])
async def test_what_has_no_clock_cannot_be_extended(
    customer: Client, staff: Client, database: Database, *, transition: str, state: str
) -> None:
    reservation = await held(customer, staff)
    await customer.change(reservation["id"], transition)

    async with nothing_changes(database):
        answer = await customer.extend(reservation["id"])

    assert f"is {state}" in assert_problem(answer, 409, "illegal_transition")["detail"]


async def test_only_its_owner_extends_it(api: Api, customer: Client, staff: Client, database: Database) -> None:
    reservation = await held(customer, staff)
    other = await api.customer()

    async with nothing_changes(database):
        answers = [await other.extend(reservation["id"]), await staff.extend(reservation["id"])]

    for answer in answers:
        assert_problem(answer, 404, "not_found")
