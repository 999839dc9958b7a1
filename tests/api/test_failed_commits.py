"""Without these, a customer is told of a success that the database never agreed to."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.invariants import assert_invariants
from tests.support.problems import assert_problem, nothing_changes

Write = Callable[[Client, Client, str], Awaitable[httpx.Response]]

# What is written, the table whose rows make the commit fail, and the status when it does not.
WRITES: dict[str, tuple[Write, str, int]] = {
    "place": (lambda customer, _, __: customer.place(line("TEE"), key="k1"), "reservations", 201),
    "place, told": (lambda customer, _, __: customer.place(line("TEE"), key="k1"), "outbox", 201),
    "confirm": (lambda customer, _, reservation: customer.confirm(reservation, key="k1"), "reservations", 200),
    "confirm, told": (lambda customer, _, reservation: customer.confirm(reservation, key="k1"), "outbox", 200),
    "confirm, keyed": (lambda customer, _, reservation: customer.confirm(reservation, key="k1"), "idempotency_keys", 200),
    "cancel": (lambda customer, _, reservation: customer.cancel(reservation, key="k1"), "stock_levels", 200),
    "adjust": (lambda _, staff, __: staff.adjust("TEE", "AMS", 1, key="k1"), "stock_movements", 201),
    "product": (lambda _, staff, __: staff.create_product("MUG"), "products", 201),
    "warehouse": (lambda _, staff, __: staff.create_warehouse("BER"), "warehouses", 201),
    "settings": (
        lambda _, staff, __: staff.http.put("/v1/products/TEE/stock/AMS", json={"safety_stock": 1}, headers={"If-Match": '"1"'}),
        "stock_items",
        200,
    ),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_commit_that_fails_is_an_error_and_stores_nothing(customer: Client, staff: Client, database: Database, write: str) -> None:
    do, table, status = WRITES[write]
    await staff.stock("TEE", "AMS", 5)
    reservation = (await customer.place(line("TEE"))).json()["id"]
    await database.do("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no commit today'; END $$")
    await database.do(
        f"CREATE CONSTRAINT TRIGGER nobody_may_commit AFTER INSERT OR UPDATE ON {table}"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"
    )

    async with nothing_changes(database):
        failed = await do(customer, staff, reservation)
    await database.do(f"DROP TRIGGER nobody_may_commit ON {table}")
    again = await do(customer, staff, reservation)

    assert "no commit today" not in failed.text
    assert_problem(failed, 500, "internal_error")
    assert again.status_code == status
    assert "Idempotent-Replayed" not in again.headers
    await assert_invariants(database)
