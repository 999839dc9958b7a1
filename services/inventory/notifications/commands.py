"""What can be done with a notification. Each function is one unit of work inside the caller's transaction."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts import store as accounts
from services.inventory.accounts.credentials import make_mail_token
from services.inventory.accounts.events import AccountRegistered, PasswordForgotten
from services.inventory.accounts.model import Account, AccountId, Purpose
from services.inventory.catalog import store as catalog
from services.inventory.notifications import store
from services.inventory.notifications.model import ERROR_LENGTH_MAX, RETRY_SECONDS, Due, Item, Letter, Notification, NotificationId
from services.inventory.reservations import reading as reservations
from services.inventory.reservations.model import ReservationId
from services.runtime.ids import new_id
from services.runtime.outbox import Recorded

# Mails with a link in them, and what it is good for.
_PURPOSES = {AccountRegistered.name: Purpose.VERIFY_EMAIL, PasswordForgotten.name: Purpose.RESET_PASSWORD}


async def notify_owner(connection: AsyncConnection, event: Recorded) -> None:
    """Owe the owner of a reservation or an account a mail about what happened to it. Telling of one event twice is telling once."""
    reservation_id = event.facts.get("reservation_id")
    notification = Notification(
        notification_id=NotificationId(new_id()),
        kind=event.name,
        account_id=AccountId(UUID(event.facts["account_id"])),
        reservation_id=ReservationId(UUID(reservation_id)) if reservation_id else None,
        created_at=event.created_at,
        request_id=event.request_id,
    )
    await store.add(connection, event.event_id, notification)


async def lease_due(connection: AsyncConnection, *, limit: int) -> Sequence[Due]:
    """Notifications to publish now; they are due again, by themselves, if nobody has sent them when the lease ends."""
    return await store.lease_due(connection, limit=limit)


async def begin_sending(connection: AsyncConnection, due: Due) -> Letter | None:
    """Start an attempt: what to send, or None if there is nothing to do. The attempt counts even if we die on it."""
    notification = await store.begin_sending(connection, due)
    if notification is None:
        return None
    account = await accounts.get(connection, notification.account_id)
    if notification.reservation_id is not None:
        return await _about_reservation(connection, notification, account, notification.reservation_id)
    return await _about_account(connection, notification, account)


async def _about_account(connection: AsyncConnection, notification: Notification, account: Account) -> Letter:
    purpose = _PURPOSES.get(notification.kind)
    token = await make_mail_token(connection, account.account_id, purpose) if purpose is not None else None
    # A form that greets a stranger with words of somebody else's choice is one that sends advertisements.
    name = None if purpose is Purpose.VERIFY_EMAIL else account.full_name
    return Letter(notification, account.email, name, link_token=token)


async def _about_reservation(
    connection: AsyncConnection, notification: Notification, account: Account, reservation_id: ReservationId
) -> Letter:
    reservation = await reservations.get(connection, reservation_id)
    names = await catalog.names_of(connection, [line.sku for line in reservation.lines])
    items = tuple(Item(line.sku, names[line.sku], line.quantity) for line in reservation.lines)
    return Letter(notification, account.email, account.full_name, reservation.external_ref, items)


async def finish_sending(connection: AsyncConnection, notification_id: NotificationId) -> None:
    """The mail server has taken the mail."""
    await store.mark_sent(connection, notification_id)


async def give_up_attempt(connection: AsyncConnection, notification: Notification, *, error: str) -> None:
    """The attempt failed; the notification is due again after a wait."""
    await store.mark_failed(connection, notification, error=error[:ERROR_LENGTH_MAX], wait_seconds=RETRY_SECONDS)
