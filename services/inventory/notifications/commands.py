"""What can be done with a notification. Each function is one unit of work inside the caller's transaction."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts import audit
from services.inventory.accounts import store as accounts
from services.inventory.accounts.credentials import make_mail_token
from services.inventory.accounts.events import AccountRegistered, PasswordForgotten
from services.inventory.accounts.model import Account, AccountId, Action, AuditEntry, Origin, Outcome, Purpose
from services.inventory.catalog import store as catalog
from services.inventory.notifications import reading, store
from services.inventory.notifications.announcing import STAFF
from services.inventory.notifications.errors import DeadLetterDiscarded, DeadLetterNotFound, DeadLetterReplayed
from services.inventory.notifications.model import (
    ERROR_LENGTH_MAX,
    DeadLetter,
    DeadLetterState,
    Due,
    Ending,
    Item,
    Letter,
    Notification,
    NotificationId,
    died,
)
from services.inventory.reservations import reading as reservations
from services.inventory.reservations.events import ReservationExpiring
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


async def count_deaths(connection: AsyncConnection, *, limit: int) -> Sequence[NotificationId]:
    """End the attempts that nobody came back from: each counts, and is due again at once; which of them were the last."""
    silent = await store.lock_silent(connection, limit=limit)
    endings = [(notification, died(notification)) for notification in silent]
    for notification, ending in endings:
        await store.end_attempt(connection, notification, ending)
    return [notification.notification_id for notification, ending in endings if ending.wait_seconds is None]


async def begin_sending(connection: AsyncConnection, due: Due) -> Notification | None:
    """Start an attempt, which counts if we die on it; None if there is nothing to do.

    A notification whose mail would not be true any more, or not for this reader, is withdrawn: it was never sent and never will be.
    """
    notification = await store.begin_sending(connection, due)
    if notification is not None and not await _is_still_true(connection, notification):
        await store.withdraw(connection, notification.notification_id)
        return None
    return notification


async def _is_still_true(connection: AsyncConnection, notification: Notification) -> bool:
    if notification.kind == ReservationExpiring.name and notification.reservation_id is not None:
        return (await reservations.get(connection, notification.reservation_id)).is_about_to_end
    if notification.facts is not None:
        account = await accounts.get(connection, notification.account_id)
        return account.role in STAFF and account.may_sign_in  # whoever has left the staff has no business with its mails
    return True


async def write_letter(connection: AsyncConnection, notification: Notification) -> Letter:
    """What to send and to whom, as things are now. Makes the token of its link, and ends the one of the attempt before."""
    account = await accounts.get(connection, notification.account_id)
    if notification.reservation_id is not None:
        return await _about_reservation(connection, notification, account, notification.reservation_id)
    if notification.facts is not None:
        return Letter(notification, account.email, account.full_name, news=notification.facts)
    return await _about_account(connection, notification, account)


async def finish_sending(connection: AsyncConnection, notification_id: NotificationId) -> None:
    """The mail server has taken the mail."""
    await store.mark_sent(connection, notification_id)


async def end_attempt(connection: AsyncConnection, notification: Notification, ending: Ending) -> None:
    """The attempt did not send. Nothing happens if it is not the current one any more."""
    await store.end_attempt(connection, notification, replace(ending, error=ending.error[:ERROR_LENGTH_MAX]))


async def find_dead_letter(connection: AsyncConnection, dead_letter_id: NotificationId) -> DeadLetter:
    """What died, whatever was decided about it since. Refuses: DeadLetterNotFound."""
    letter = await reading.find_dead_letter(connection, dead_letter_id)
    if letter is None:
        raise DeadLetterNotFound
    return letter


async def replay(connection: AsyncConnection, dead_letter_id: NotificationId, *, actor_id: AccountId | None, origin: Origin) -> DeadLetter:
    """Send it after all, with all its attempts before it and its history kept. What is replayed already stays as it is.

    Without an actor it was an operator. Refuses: DeadLetterNotFound, DeadLetterDiscarded.
    """
    letter = await _lock(connection, dead_letter_id)
    if letter.state is DeadLetterState.DISCARDED:
        raise DeadLetterDiscarded
    if letter.state is DeadLetterState.DEAD:
        await store.replay(connection, dead_letter_id)
        await _tell(connection, Action.REPLAY_DEAD_LETTER, letter, actor_id, origin)
    return replace(letter, state=DeadLetterState.REPLAYED)


async def discard(connection: AsyncConnection, dead_letter_id: NotificationId, *, actor_id: AccountId | None, origin: Origin) -> DeadLetter:
    """Never send it. What is discarded already stays as it is.

    Without an actor it was an operator. Refuses: DeadLetterNotFound, DeadLetterReplayed.
    """
    letter = await _lock(connection, dead_letter_id)
    if letter.state is DeadLetterState.REPLAYED:
        raise DeadLetterReplayed
    if letter.state is DeadLetterState.DEAD:
        await store.discard(connection, dead_letter_id)
        await _tell(connection, Action.DISCARD_DEAD_LETTER, letter, actor_id, origin)
    return replace(letter, state=DeadLetterState.DISCARDED)


async def _lock(connection: AsyncConnection, dead_letter_id: NotificationId) -> DeadLetter:
    letter = await reading.lock_dead_letter(connection, dead_letter_id)
    if letter is None:
        raise DeadLetterNotFound
    return letter


async def _tell(connection: AsyncConnection, action: Action, letter: DeadLetter, actor_id: AccountId | None, origin: Origin) -> None:
    entry = AuditEntry(action, Outcome.SUCCESS, actor_id, letter.dead_letter_id, origin.ip, {"kind": letter.kind})
    await audit.append(connection, entry)


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
    ends_at = reservation.expires_at if notification.kind == ReservationExpiring.name else None
    names = await catalog.names_of(connection, [line.sku for line in reservation.lines])
    items = tuple(Item(line.sku, names[line.sku], line.quantity) for line in reservation.lines)
    return Letter(notification, account.email, account.full_name, reservation.external_ref, items, ends_at)
