"""A reservation as statements of Core in one transaction: correct, with the condition inside the write, and eight round trips."""

from datetime import timedelta

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.inventory.catalog.tables import products, warehouses
from services.inventory.reservations.model import Order
from services.inventory.reservations.tables import reservation_lines, reservations
from services.inventory.stock.tables import stock_items, stock_levels
from services.runtime.idempotency import IdempotencyKey, idempotency_keys
from services.runtime.ids import new_id
from services.runtime.outbox import outbox

_ITEM = (
    select(stock_items.c.item_id)
    .join(products, products.c.product_id == stock_items.c.product_id)
    .join(warehouses, warehouses.c.warehouse_id == stock_items.c.warehouse_id)
)
_AVAILABLE = (
    stock_levels.c.on_hand + stock_levels.c.backorder_limit - stock_levels.c.safety_stock - stock_levels.c.held - stock_levels.c.allocated
)


async def place(engine: AsyncEngine, key: IdempotencyKey, order: Order, *, hold: timedelta) -> None:
    [line] = order.lines
    made, facts = new_id(), {"account_id": str(key.account_id)}
    async with engine.begin() as connection:
        claim = {"account_id": key.account_id, "key": key.key, "fingerprint": key.fingerprint}
        await connection.execute(upsert(idempotency_keys).values(claim).on_conflict_do_nothing())
        item_id = (await connection.execute(_ITEM.where(products.c.sku == line.sku, warehouses.c.code == line.warehouse))).scalar_one()
        values = {"reservation_id": made, "account_id": key.account_id, "state": "held", "expires_at": func.clock_timestamp() + hold}
        await connection.execute(insert(reservations).values(values))
        await connection.execute(insert(reservation_lines).values(reservation_id=made, item_id=item_id, quantity=line.quantity))
        await connection.execute(insert(outbox).values(name="reservation.held", entity_id=made, facts=facts))
        of_key = (idempotency_keys.c.account_id == key.account_id, idempotency_keys.c.key == key.key)
        await connection.execute(update(idempotency_keys).where(*of_key).values(answer=facts))
        # The hot row last: nobody waits for it while the others are written.
        taken = await connection.execute(
            update(stock_levels)
            .where(stock_levels.c.item_id == item_id, line.quantity <= _AVAILABLE)
            .values(held=stock_levels.c.held + line.quantity, updated_at=func.clock_timestamp())
        )
        assert taken.rowcount == 1
