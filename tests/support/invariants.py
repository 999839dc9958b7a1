"""What must hold after anything that anybody did to the stock."""

from typing import Any

from tests.support.database import Database

# One statement, so one moment. The constraint forbids the second kind; who tests that it is needed drops it.
_WRONG_NOW = """
    SELECT what, item_id, stored, derived FROM invariant_violation
     UNION ALL
    SELECT 'oversold', item_id, held + allocated, on_hand + backorder_limit
      FROM stock_levels WHERE held + allocated > on_hand + backorder_limit
"""
# Each change of state told exactly once, and nothing told that did not happen.
_CHANGES_TOLD_WRONGLY = """
    SELECT entity_id, name, happened.times, told.times
      FROM (SELECT reservation_id AS entity_id, change.name, 1 AS times
              FROM reservations
             CROSS JOIN LATERAL (VALUES ('reservation.held', true),
                                        ('reservation.confirmed', confirmed_at IS NOT NULL),
                                        ('reservation.cancelled', state = 'cancelled' AND close_reason <> 'displaced'),
                                        ('reservation.displaced', state = 'cancelled' AND close_reason = 'displaced'),
                                        ('reservation.fulfilled', state = 'fulfilled'),
                                        ('reservation.expired', state = 'expired')) change (name, is_real)
             WHERE change.is_real) happened
      FULL JOIN (SELECT entity_id, name, count(*) AS times FROM outbox
                  WHERE name LIKE 'reservation.%' AND name <> 'reservation.expiring' GROUP BY entity_id, name) told
           USING (entity_id, name)
     WHERE happened.times IS DISTINCT FROM told.times
"""


async def assert_invariants(database: Database) -> None:
    """The counters are explained by reservations and ledger, no closed reservation keeps units, every change was told once."""
    assert await wrong_now(database) == []
    assert await database.rows(_CHANGES_TOLD_WRONGLY) == []


async def wrong_now(database: Database) -> list[tuple[Any, ...]]:
    """Every counter that is not explained or promises too much at this moment: what, of which item, stored, derived."""
    return await database.rows(_WRONG_NOW)
