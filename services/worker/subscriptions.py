"""Who reacts to what. A reaction runs in the transaction that takes the event from the outbox."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.events import (
    AccountRegistered,
    AccountRegisteredAgain,
    MailWithheld,
    PasswordChanged,
    PasswordForgotten,
    SessionReused,
)
from services.inventory.catalog.copies import keys_of_product, keys_of_warehouse
from services.inventory.catalog.events import ProductChanged, WarehouseChanged
from services.inventory.notifications.announcing import note_crossing
from services.inventory.notifications.commands import notify_owner
from services.inventory.reservations.events import (
    HELD,
    ReservationCancelled,
    ReservationConfirmed,
    ReservationDisplaced,
    ReservationExpired,
    ReservationExpiring,
    ReservationFulfilled,
)
from services.inventory.stock.events import LOW, OUT
from services.runtime.outbox import Recorded

# Events whose reaction is to delete copies, which the relay does itself: it may happen twice, and must not wait behind mails.
COPIES: Mapping[str, Callable[[Mapping[str, str]], Sequence[str]]] = {
    ProductChanged.name: lambda facts: keys_of_product(facts["product_id"], facts["sku"]),
    WarehouseChanged.name: lambda facts: keys_of_warehouse(facts["warehouse_id"], facts["code"]),
}

Reaction = Callable[[AsyncConnection, Recorded], Awaitable[None]]

SUBSCRIPTIONS: Mapping[str, Sequence[Reaction]] = {
    HELD: (),
    ReservationConfirmed.name: (notify_owner,),
    ReservationCancelled.name: (notify_owner,),
    ReservationDisplaced.name: (notify_owner,),
    ReservationFulfilled.name: (notify_owner,),
    ReservationExpiring.name: (notify_owner,),
    ReservationExpired.name: (notify_owner,),
    AccountRegistered.name: (notify_owner,),
    AccountRegisteredAgain.name: (notify_owner,),
    MailWithheld.name: (),
    PasswordForgotten.name: (notify_owner,),
    PasswordChanged.name: (notify_owner,),
    SessionReused.name: (notify_owner,),
    LOW: (note_crossing,),
    OUT: (note_crossing,),
}
