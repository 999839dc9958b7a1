"""The orders of the demo shop, lived through by the commands of the business.

Only when they were placed is set back, by one statement, so that holds have run out and lists have an order. Ledger and outbox
say when things really happened; nothing rewrites those.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.local.demo_catalogue import AMS
from deploy.local.demo_orders import Fate, Order, orders
from services.inventory.accounts.permissions import Caller
from services.inventory.reservations import commands, reserving, store
from services.inventory.reservations.commands import Target
from services.inventory.reservations.displacing import count_displacing
from services.inventory.reservations.model import Order as Wanted
from services.inventory.reservations.model import OrderLine, Placed, ReservationId, Shipment
from services.inventory.reservations.reserving import Request
from services.inventory.stock.model import Count, Entry, Reason
from services.runtime import outbox
from services.runtime.direct import within
from services.runtime.ids import new_id
from services.worker.subscriptions import SUBSCRIPTIONS

MILLISECOND = timedelta(milliseconds=1)
BITS_AFTER_TIME = 80  # of a UUIDv7
TAKEN_AT_ONCE = 500

_SET_BACK = text(
    """
    UPDATE reservations reservation
       SET created_at = created_at - make_interval(mins => placed.minutes_ago),
           expires_at = expires_at - make_interval(mins => placed.minutes_ago)
      FROM unnest(CAST(:ids AS uuid[]), CAST(:minutes_ago AS int[])) AS placed (reservation_id, minutes_ago)
     WHERE reservation.reservation_id = placed.reservation_id
    """
)


async def happen(connection: AsyncConnection, *, customer: Caller, staff: Caller) -> None:
    """Place every order and let it meet its fate.

    Its owner gets a mail about the last order of each fate, so that there is one of every kind to look at. What happened to the
    others is in the outbox as handled: dozens of mails in the first minute would only bury those that a visitor causes.
    """
    lives = [(order, await _place(connection, order, staff if order.is_by_phone else customer)) for order in orders()]
    ages = {"ids": [target.reservation_id for _, target in lives], "minutes_ago": [order.minutes_ago for order, _ in lives]}
    await connection.execute(_SET_BACK, ages)
    told = {order.fate: (order, target) for order, target in lives}.values()
    for life in lives:
        if life not in told:
            await _meet_fate(connection, *life, staff)
    while await outbox.take(connection, names=SUBSCRIPTIONS.keys(), limit=TAKEN_AT_ONCE):
        pass
    for life in told:
        await _meet_fate(connection, *life, staff)


async def _place(connection: AsyncConnection, order: Order, owner: Caller) -> Target:
    lines = tuple(OrderLine(sku, quantity) for sku, quantity in order.basket.items())
    wanted = Wanted(lines, hold_seconds=order.hold_seconds, external_ref=order.external_ref, metadata=order.metadata)
    outcome = await reserving.reserve(
        await within(connection), Request(owner.account_id, None, _id_of_then(order), wanted, request_id=None)
    )
    assert isinstance(outcome, Placed), f"the tables of the demo contradict each other: {outcome}"  # noqa: S101
    return Target(outcome.reservation.reservation_id, owner)


def _id_of_then(order: Order) -> ReservationId:
    """An id as it would have been when the order was placed: lists are in the order of ids."""
    return ReservationId(UUID(int=new_id().int - (timedelta(minutes=order.minutes_ago) // MILLISECOND << BITS_AFTER_TIME)))


async def _meet_fate(connection: AsyncConnection, order: Order, target: Target, staff: Caller) -> None:
    by_staff = Target(target.reservation_id, staff)
    match order.fate:
        case Fate.HELD:
            pass
        case Fate.CONFIRMED:
            await commands.confirm(connection, target)
        case Fate.PARTLY_FULFILLED:
            line, *_ = (await commands.confirm(connection, target)).lines
            await commands.fulfil(connection, by_staff, shipments=[Shipment(line.sku, line.warehouse, line.quantity)])
        case Fate.FULFILLED:
            await commands.confirm(connection, target)
            await commands.fulfil(connection, by_staff, shipments=None)
        case Fate.CANCELLED:
            await commands.cancel(connection, target, reason=order.excuse)
        case Fate.EXPIRED:
            await store.expire_due(connection, limit=1, reservation_ids=[target.reservation_id])
        case Fate.DISPLACED:
            counts = [Count(sku, AMS, counted=taken - 1, expected_on_hand=taken) for sku, taken in order.basket.items()]
            await count_displacing(connection, counts, entry=Entry(Reason.COUNT, "one was broken", str(staff.account_id)))
