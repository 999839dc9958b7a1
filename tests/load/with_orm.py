"""A reservation as objects: load the level and lock it, look, change attributes, let the session write. Correct, and widely done."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import registry

from services.inventory.catalog.tables import products, warehouses
from services.inventory.reservations.model import Order
from services.inventory.reservations.tables import reservation_lines, reservations
from services.inventory.stock.tables import stock_items, stock_levels
from services.runtime.idempotency import IdempotencyKey, idempotency_keys
from services.runtime.ids import new_id
from services.runtime.outbox import outbox


class Mapped:
    """A row; its attributes are its columns."""

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class Item(Mapped):
    item_id: UUID


class Level(Mapped):
    on_hand: int
    held: int
    allocated: int
    safety_stock: int
    backorder_limit: int
    updated_at: datetime


class Reservation(Mapped): ...


class Line(Mapped): ...


class Event(Mapped): ...


class Key(Mapped):
    answer: dict[str, str]


_map = registry().map_imperatively
_map(Item, stock_items)
_map(Level, stock_levels)
# `metadata` is taken on a mapped class.
_map(Reservation, reservations, properties={"remarks": reservations.c.metadata})
_map(Line, reservation_lines)
_map(Event, outbox)
_map(Key, idempotency_keys)

_ITEM = (
    select(Item)
    .join(products, products.c.product_id == stock_items.c.product_id)
    .join(warehouses, warehouses.c.warehouse_id == stock_items.c.warehouse_id)
)


async def place(engine: AsyncEngine, key: IdempotencyKey, order: Order, *, hold: timedelta) -> None:
    [line] = order.lines
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        claim = Key(account_id=key.account_id, key=key.key, fingerprint=key.fingerprint)
        session.add(claim)
        await session.flush()
        item = (await session.execute(_ITEM.where(products.c.sku == line.sku, warehouses.c.code == line.warehouse))).scalar_one()
        level = await session.get_one(Level, item.item_id, with_for_update={"key_share": True})
        assert line.quantity <= level.on_hand + level.backorder_limit - level.safety_stock - level.held - level.allocated
        now = datetime.now(UTC)
        level.held += line.quantity
        level.updated_at = now
        made, facts = new_id(), {"account_id": str(key.account_id)}
        session.add(Reservation(reservation_id=made, account_id=key.account_id, state="held", expires_at=now + hold))
        await session.flush()  # the session knows no relationship by which it would write the line after it
        session.add(Line(reservation_id=made, item_id=item.item_id, quantity=line.quantity))
        session.add(Event(name="reservation.held", entity_id=made, facts=facts))
        claim.answer = facts
