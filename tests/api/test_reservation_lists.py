"""Without these, somebody sees a stranger's reservations, or one of their own as something that it is not."""

from typing import Any

import pytest

from tests.support.api import Api, Client, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.lists import flat, page, walk
from tests.support.problems import assert_fault, assert_problem

PATH = "/v1/reservations"


@pytest.fixture
async def placed(staff: Client, customer: Client, database: Database) -> dict[str, str]:
    """Reservations of the customer by what became of them."""
    await staff.stock("TEE", "AMS", 50)
    await staff.stock("TEE", "BER", 50)
    await staff.stock("MUG", "BER", 50)
    ids = {}
    for name, lines in (
        ("expired", [line("TEE")]),
        ("due", [line("TEE", warehouse="AMS"), line("TEE", warehouse="BER")]),
        ("cancelled", [line("MUG")]),
        ("confirmed", [line("TEE", warehouse="BER")]),
        ("held", [line("MUG"), line("TEE", warehouse="AMS")]),
    ):
        ids[name] = (await customer.place(*lines, external_ref=name)).json()["id"]
    await customer.cancel(ids["cancelled"])
    await customer.confirm(ids["confirmed"])
    await expire(database, ids["expired"])
    await database.do("SELECT expire_due(10)")
    await expire(database, ids["due"])
    return ids


async def test_everybody_reads_their_own_newest_first_and_the_staff_all(customer: Client, staff: Client, placed: dict[str, str]) -> None:
    stranger = (await staff.place(line("TEE"))).json()["id"]
    own = list(placed.values())[::-1]

    assert flat(await walk(customer, PATH, limit=2), "id") == own
    assert flat(await walk(staff, PATH, limit=2), "id") == [stranger, *own]
    assert customer.person
    assert flat(await walk(staff, PATH, limit=2, account_id=str(customer.person.account_id)), "id") == own


async def test_a_reservation_is_listed_as_it_is_read(customer: Client, placed: dict[str, str]) -> None:
    [listed, *_] = (await page(customer, PATH))["items"]
    read = (await customer.reservation(placed["held"])).json()

    assert listed | {"server_time": ""} == read | {"server_time": ""}


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"state": "held"}, ["held"]),
        ({"state": "confirmed"}, ["confirmed"]),
        ({"state": "cancelled"}, ["cancelled"]),
        ({"state": "expired"}, ["due", "expired"]),
        ({"state": "fulfilled"}, []),
        ({"external_ref": "due"}, ["due"]),
        ({"external_ref": "du"}, []),
        ({"sku": "TEE"}, ["held", "confirmed", "due", "expired"]),
        ({"sku": "MUG"}, ["held", "cancelled"]),
        ({"sku": "TEE", "warehouse": "BER"}, ["confirmed", "due"]),
        ({"warehouse": "BER", "state": "held"}, ["held"]),
        ({"warehouse": "BER"}, ["held", "confirmed", "cancelled", "due"]),
        ({"sku": "TEE", "state": "expired"}, ["due", "expired"]),
        ({"sku": "NIL"}, []),
        ({"created_after": "2100-01-01T00:00:00Z"}, []),
        ({"created_after": "2020-01-01T00:00:00Z", "expires_before": "2020-01-01T00:00:00Z"}, []),
    ],
)
async def test_every_filter_must_let_a_reservation_through(
    customer: Client, staff: Client, placed: dict[str, str], filters: dict[str, Any], names: list[str]
) -> None:
    for reader, limit in ((customer, 1), (customer, 50), (staff, 1), (staff, 50)):
        assert flat(await walk(reader, PATH, limit=limit, **filters), "id") == [placed[name] for name in names]


async def test_a_span_of_ends_is_by_the_databases_clock(customer: Client, placed: dict[str, str], database: Database) -> None:
    [(now,)] = await database.rows("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")

    assert flat(await walk(customer, PATH, expires_before=now), "id") == [placed["due"], placed["expired"]]
    assert flat(await walk(customer, PATH, expires_after=now), "id") == [placed[name] for name in ("held", "confirmed", "cancelled")]


async def test_a_customer_may_not_ask_for_an_account(customer: Client, placed: dict[str, str]) -> None:
    assert placed
    assert customer.person
    assert_problem(await customer.http.get(PATH, params={"account_id": str(customer.person.account_id)}), 403, "forbidden")


async def test_strangers_see_nothing(nobody: Client, placed: dict[str, str], api: Api) -> None:
    assert placed
    assert_problem(await nobody.http.get(PATH), 401, "unauthenticated")
    assert (await page(await api.customer(), PATH))["items"] == []


async def test_a_parameter_that_makes_no_sense_is_named(customer: Client) -> None:
    assert_fault(await customer.http.get(f"{PATH}?state=gone"), "state")
    assert_fault(await customer.http.get(f"{PATH}?owner=me"), "owner")
