"""Every statement about crossings of the stock that the staff have not been told of."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import bindparam, delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.catalog.tables import products, warehouses
from services.inventory.notifications.model import Crossing
from services.inventory.notifications.tables import crossings
from services.inventory.stock.tables import stock_items, stock_levels
from services.runtime.outbox import Recorded

_ADD = insert(crossings).on_conflict_do_nothing()
_ARE_ANY = select(exists().select_from(crossings))
_OLDEST = select(crossings.c.event_id).order_by(crossings.c.event_id).limit(bindparam("limit"))
_taken = delete(crossings).where(crossings.c.event_id.in_(_OLDEST.scalar_subquery())).returning(crossings).cte("taken")
_TAKE = (
    select(
        _taken.c.event_id,
        _taken.c.kind,
        products.c.sku,
        products.c.name,
        warehouses.c.code.label("warehouse"),
        _taken.c.available,
        stock_levels.c.low_stock_at,
        _taken.c.crossed_at,
    )
    .join(stock_items, stock_items.c.item_id == _taken.c.item_id)
    .join(stock_levels, stock_levels.c.item_id == stock_items.c.item_id)
    .join(products, products.c.product_id == stock_items.c.product_id)
    .join(warehouses, warehouses.c.warehouse_id == stock_items.c.warehouse_id)
    .order_by(_taken.c.event_id)
)


async def add(connection: AsyncConnection, event: Recorded) -> None:
    """Keep it until the staff are told; nothing happens if it is kept already."""
    values = {
        "event_id": event.event_id,
        "kind": event.name,
        "item_id": UUID(event.facts["item_id"]),
        "available": int(event.facts["available"]),
        "crossed_at": event.created_at,
    }
    await connection.execute(_ADD, values)


async def are_any(connection: AsyncConnection) -> bool:
    return bool((await connection.execute(_ARE_ANY)).scalar_one())


async def take(connection: AsyncConnection, *, limit: int) -> Sequence[tuple[int, Crossing]]:
    """The oldest crossings, each with its event's id, which nobody will ever be given again unless this rolls back."""
    rows = (await connection.execute(_TAKE, {"limit": limit})).all()
    return [(event_id, Crossing(*crossing)) for event_id, *crossing in rows]
