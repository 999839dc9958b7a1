"""Whether the stock is right after a scene."""

from collections.abc import Mapping

import asyncpg

_UNEXPLAINED = "SELECT count(*) FROM invariant_violation"
_OVERSOLD = "SELECT count(*) FROM stock_levels WHERE held + allocated > on_hand + backorder_limit"
_MADE = "SELECT count(*) FROM reservations"


async def reservations_made(url: str) -> int:
    """So far. What has ended is among them."""
    return await _count(url, _MADE)


async def verdict(url: str, *, made_before: int, acknowledged: int) -> Mapping[str, int]:
    """How often each of what must never be is the case. An order that nobody heard of may have been made: its key finds it."""
    made = await _count(url, _MADE) - made_before
    return {
        "counters that orders and ledger do not explain": await _count(url, _UNEXPLAINED),
        "stock that was sold twice": await _count(url, _OVERSOLD),
        "orders that were acknowledged and lost": max(acknowledged - made, 0),
    }


async def _count(url: str, sql: str) -> int:
    # A million levels take longer than a request may.
    connection = await asyncpg.connect(url, server_settings={"statement_timeout": "0"})
    try:
        count: int = await connection.fetchval(sql)
        return count
    finally:
        await connection.close()
