"""The counters of one place, past the API."""

from tests.support.database import Database


async def level(database: Database, sku: str = "TEE", warehouse: str = "AMS") -> tuple[int, int, int]:
    """On hand, held, allocated."""
    counters = "SELECT on_hand, held, allocated FROM stock_now WHERE sku = $1 AND warehouse = $2"
    [(on_hand, held, allocated)] = await database.rows(counters, sku, warehouse)
    return on_hand, held, allocated
