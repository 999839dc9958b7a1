"""Without these, counters and ledger drift apart and nobody sees it before a customer does."""

from tests.support.api import Client, line, units
from tests.support.database import Database
from tests.support.problems import assert_fault, assert_problem, nothing_changes

PATH = "/v1/admin/reconciliation"
DRIFT: list[tuple[str, dict[str, str | int]]] = [
    ("UPDATE stock_levels SET held = held + 1", {"what": "held", "stored": 3, "derived": 2}),
    ("UPDATE stock_levels SET allocated = 0", {"what": "allocated", "stored": 0, "derived": 1}),
    ("UPDATE stock_levels SET on_hand = on_hand - 1", {"what": "on_hand", "stored": 6, "derived": 7}),
    ("UPDATE reservation_lines SET released = 0 WHERE released = 1", {"what": "ended with open units", "stored": 1, "derived": 0}),
]


async def busy_shop(customer: Client, staff: Client) -> None:
    """7 tees: 2 held, 1 confirmed and open; 1 was shipped of 8, 1 was cancelled."""
    await staff.stock("TEE", "AMS", 8)
    await customer.place(line("TEE", 2))
    confirmed, cancelled = [(await customer.place(line("TEE", quantity))).json()["id"] for quantity in (2, 1)]
    await customer.confirm(confirmed)
    await staff.fulfil(confirmed, units("TEE", 1))
    await customer.cancel(cancelled)


async def test_where_all_is_well_nothing_is_reported(customer: Client, staff: Client, admin: Client, database: Database) -> None:
    await busy_shop(customer, staff)

    async with nothing_changes(database):
        answer = await admin.http.get(PATH)

    assert answer.status_code == 200
    assert answer.json().keys() == {"checked_at", "violations"}
    assert answer.json()["violations"] == []
    assert answer.json()["checked_at"].endswith("Z")


async def test_each_drift_is_reported_where_it_is(customer: Client, staff: Client, admin: Client, database: Database) -> None:
    await busy_shop(customer, staff)
    [(item_id,)] = await database.rows("SELECT item_id::text FROM stock_now")

    for n, (sql, violation) in enumerate(DRIFT):
        await database.do(sql)
        async with nothing_changes(database):
            found = (await admin.http.get(PATH)).json()["violations"]

        assert len(found) == n + 1
        assert {**violation, "item_id": item_id, "sku": "TEE", "warehouse": "AMS"} in found


async def test_it_is_asked_for_as_it_is(admin: Client, staff: Client) -> None:
    assert_fault(await admin.http.get(PATH, params={"repair": "true"}), "repair")
    assert_problem(await staff.http.get(PATH), 403, "forbidden")
    assert_problem(await admin.http.post(PATH), 405, "method_not_allowed")
