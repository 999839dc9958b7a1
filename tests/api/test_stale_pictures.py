"""Without these, somebody confirms or cancels a reservation that is no longer the one that they looked at."""

import pytest

from tests.support.api import Client, Json, line
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.problems import assert_problem, nothing_changes

TRANSITIONS = ["confirm", "cancel", "extend", "fulfilments"]


async def held(customer: Client, staff: Client, transition: str) -> tuple[str, Client, Json | None]:
    """A reservation at version 2 that can make the transition, who makes it, and with which body."""
    await staff.stock("TEE", "AMS", 5)
    reservation: str = (await customer.place(line("TEE", 2))).json()["id"]
    if transition == "fulfilments":
        await customer.confirm(reservation)
        return reservation, staff, None
    await customer.extend(reservation)
    return reservation, customer, {"ttl_seconds": 700} if transition == "extend" else None


@pytest.mark.parametrize("transition", TRANSITIONS)
async def test_who_saw_another_version_changes_nothing(customer: Client, staff: Client, database: Database, transition: str) -> None:
    reservation, who, body = await held(customer, staff, transition)

    async with nothing_changes(database):
        answers = [
            await who.change(reservation, transition, body, if_match=version) for version in ('"1"', '"3"', 'W/"2"', "2", '"1", "3"')
        ]

    for answer in answers:
        assert_problem(answer, 412, "etag_mismatch")


@pytest.mark.parametrize("transition", TRANSITIONS)
@pytest.mark.parametrize("version", ['"2"', '"1", "2"', "*"])
async def test_who_saw_this_version_changes_it(
    customer: Client, staff: Client, database: Database, *, transition: str, version: str
) -> None:
    reservation, who, body = await held(customer, staff, transition)

    answer = await who.change(reservation, transition, body, if_match=version)

    assert answer.is_success, answer.text
    assert answer.headers["ETag"] == '"3"'
    await assert_invariants(database)


async def test_a_change_that_was_made_is_answered_again_though_its_version_is_old_by_now(
    customer: Client, staff: Client, database: Database
) -> None:
    reservation, _, _ = await held(customer, staff, "confirm")
    first = await customer.change(reservation, "confirm", key="k1", if_match='"2"')

    async with nothing_changes(database):
        again = await customer.change(reservation, "confirm", key="k1", if_match='"2"')
        under_another_key = await customer.change(reservation, "confirm", key="k2", if_match='"2"')

    assert (again.status_code, again.content) == (200, first.content)
    assert_problem(under_another_key, 412, "etag_mismatch")
