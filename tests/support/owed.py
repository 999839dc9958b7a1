"""A mail that is owed to a customer, step by step, as relay and worker take the steps."""

from collections.abc import Callable

import pytest_asyncio

from services.inventory.notifications import commands
from services.inventory.notifications.model import Due, Ending, Notification
from services.inventory.reservations import commands as reservations
from services.inventory.reservations.model import OrderLine
from services.runtime import outbox
from services.runtime.outbox import Recorded
from services.worker.relay import claim
from tests.support.database import Database
from tests.support.delivery import end_leases
from tests.support.shop import Shop

CONFIRMED = "reservation.confirmed"


class Owed:
    """The mail that tells a customer of the reservation that they confirmed; it is published."""

    def __init__(self, shop: Shop, database: Database, due: Due) -> None:
        self.due = due
        self.id = due.notification_id
        self._shop = shop
        self._database = database

    async def begun(self) -> Notification:
        """An attempt to send it, as soon as it is due."""
        [self.due] = await self.comes_due()
        notification = await self._shop.ours.transact(commands.begin_sending, self.due)
        assert notification is not None
        return notification

    async def comes_due(self) -> list[Due]:
        """What a relay publishes once every lease and every wait is over."""
        await end_leases(self._database)
        return list((await self._shop.ours.transact(claim))[1])

    async def ends(self, how: Callable[[Notification, str], Ending], error: str) -> None:
        """One attempt, from its beginning to this end."""
        notification = await self.begun()
        await self._shop.ours.transact(commands.end_attempt, notification, how(notification, error))

    async def row(self, *columns: str) -> tuple[object, ...]:
        [found] = await self._database.rows(f"SELECT {', '.join(columns)} FROM notifications WHERE notification_id = $1", self.id)  # noqa: S608
        return found

    async def errors(self) -> list[str]:
        """Of the attempts that are remembered, oldest first."""
        [(errors,)] = await self._database.rows(
            "SELECT array(SELECT one->>'error' FROM jsonb_array_elements(history) WITH ORDINALITY a (one, n) ORDER BY n) FROM notifications"
            " WHERE notification_id = $1",
            self.id,
        )
        return list(errors)


@pytest_asyncio.fixture
async def event(shop: Shop) -> Recorded:
    """A customer has confirmed a reservation of 2 tees."""
    await shop.warehouse("AMS")
    await shop.product("TEE")
    await shop.stock("TEE", "AMS", 5)
    placed = await shop.place(OrderLine("TEE", 2), external_ref="cart-81")
    await shop.ours.transact(reservations.confirm, shop.target(placed.reservation.reservation_id))
    [recorded] = await shop.ours.transact(outbox.take, names=[CONFIRMED], limit=10)
    return recorded


@pytest_asyncio.fixture
async def owed(shop: Shop, database: Database, event: Recorded) -> Owed:
    await shop.ours.transact(commands.notify_owner, event)
    [due] = await shop.ours.transact(commands.lease_due, limit=10)
    return Owed(shop, database, due)
