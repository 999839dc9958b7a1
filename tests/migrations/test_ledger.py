"""Without these, somebody tidies up the ledger, and nothing explains the shelf any more."""

import asyncpg
import pytest

from tests.support.api import Client
from tests.support.database import Database
from tests.support.problems import nothing_changes


@pytest.mark.parametrize(
    "rewrite",
    [
        "UPDATE stock_movements SET delta = 6",
        "UPDATE stock_movements SET delta = 6 WHERE false",
        "DELETE FROM stock_movements",
        "TRUNCATE stock_movements",
        "TRUNCATE products CASCADE",
    ],
)
async def test_what_is_written_in_the_ledger_stays(staff: Client, database: Database, rewrite: str) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        with pytest.raises(asyncpg.RaiseError, match="the ledger is append-only"):
            await database.do(rewrite)


REFUSED = [
    ("UPDATE stock_levels SET on_hand = -1, backorder_limit = 9", "on_hand_is_in_range"),
    ("UPDATE stock_levels SET held = -1", "held_is_not_negative"),
    ("UPDATE stock_levels SET allocated = -1", "allocated_is_not_negative"),
    ("UPDATE stock_levels SET held = 6", "promises_do_not_exceed_stock"),
    (
        "INSERT INTO stock_movements SELECT gen_random_uuid(), item_id, 0, 5, 'count', NULL, 'me' FROM stock_items",
        "a_movement_moves_something",
    ),
    ("INSERT INTO stock_movements SELECT gen_random_uuid(), item_id, 1, 6, 'theft', NULL, 'me' FROM stock_items", "a_reason_is_known"),
    (
        "INSERT INTO stock_items SELECT gen_random_uuid(), product_id, warehouse_id FROM stock_items",
        "a_product_has_one_item_in_a_warehouse",
    ),
    ("UPDATE products SET price_minor = 1", "a_price_has_a_currency"),
    ("UPDATE accounts SET email = 'Me@example.com'", "an_email_is_lower_case"),
]


async def test_the_database_has_the_last_word(staff: Client, database: Database) -> None:
    await staff.stock("TEE", "AMS", 5)

    async with nothing_changes(database):
        for sql, constraint in REFUSED:
            with pytest.raises(asyncpg.IntegrityConstraintViolationError, match=constraint):
                await database.do(sql)
