"""Every statement about notifications."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import ARRAY, RowMapping, Uuid, bindparam, delete, exists, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.tables import accounts, mail_tokens, sessions
from services.inventory.notifications.model import QUEUED_LEASE_SECONDS, SENDING_LEASE_SECONDS, Due, Notification, NotificationId, State
from services.inventory.notifications.tables import notifications
from services.inventory.reservations.tables import reservations
from services.runtime.housekeeping import BATCH
from services.runtime.outbox import outbox

UNVERIFIED_DAYS = 7  # a mail that is held back on its way comes within five days (RFC 5321), or not at all

_columns = (
    notifications.c.notification_id,
    notifications.c.kind,
    notifications.c.account_id,
    notifications.c.reservation_id,
    notifications.c.created_at,
    notifications.c.request_id,
    notifications.c.attempts,
)
_ADD = insert(notifications).on_conflict_do_nothing(constraint="an_event_is_told_once")
# Literals, not parameters: a plan that is made for any state cannot use the index of those that are not sent.
_is_open = notifications.c.state != literal_column("'sent'")
_DUE = (
    select(notifications.c.notification_id)
    # now(), not the clock: a volatile call in the condition could not use the index.
    .where(_is_open, notifications.c.due_at <= func.now())
    .order_by(notifications.c.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(notifications)
    .where(notifications.c.notification_id.in_(_DUE.scalar_subquery()))
    .values(state=State.QUEUED.value, due_at=func.clock_timestamp() + timedelta(seconds=QUEUED_LEASE_SECONDS))
    .returning(notifications.c.notification_id, notifications.c.attempts)
)
_BEGIN = (
    update(notifications)
    .where(
        notifications.c.notification_id == bindparam("id"),
        notifications.c.state == State.QUEUED.value,
        notifications.c.attempts == bindparam("attempts_before"),
    )
    .values(
        state=State.SENDING.value,
        attempts=notifications.c.attempts + 1,
        due_at=func.clock_timestamp() + timedelta(seconds=SENDING_LEASE_SECONDS),
    )
    .returning(*_columns)
)
_SENT = (
    update(notifications)
    .where(notifications.c.notification_id == bindparam("id"), _is_open)
    .values(state=State.SENT.value, sent_at=func.clock_timestamp(), last_error=None)
)
_FAILED = (
    update(notifications)
    .where(notifications.c.notification_id == bindparam("id"), notifications.c.attempts == bindparam("attempt"), _is_open)
    .values(state=State.QUEUED.value, last_error=bindparam("error"), due_at=func.clock_timestamp() + bindparam("wait"))
)
_is_owed = notifications.c.state.in_([literal_column("'queued'"), literal_column("'sending'")])
_UNVERIFIED = (
    select(accounts.c.account_id)
    # now(), for the sake of the index. Whoever registers again or opens the account meanwhile changes its row, and it is looked at again.
    .where(accounts.c.verified_at.is_(None), ~accounts.c.is_disabled, accounts.c.created_at < func.now() - timedelta(days=UNVERIFIED_DAYS))
    .where(~exists().where(outbox.c.entity_id == accounts.c.account_id, outbox.c.done_at.is_(None)))
    .where(~exists().where(notifications.c.account_id == accounts.c.account_id, _is_owed))
    .where(*(~exists().where(table.c.account_id == accounts.c.account_id) for table in (mail_tokens, sessions, reservations)))
    .order_by(accounts.c.created_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_these = bindparam("ids", type_=ARRAY(Uuid))
_FORGET_TOLD = delete(notifications).where(notifications.c.account_id == func.any(_these))
_FORGET_ACCOUNTS = delete(accounts).where(accounts.c.account_id == func.any(_these))


async def add(connection: AsyncConnection, event_id: int, notification: Notification) -> None:
    """Insert a notification that is due at once; nothing happens if the event has one."""
    await connection.execute(_ADD, {"event_id": event_id, **asdict(notification)})


async def lease_due(connection: AsyncConnection, *, limit: int) -> Sequence[Due]:
    """Up to `limit` notifications that are due, put out of others' reach until their lease ends.

    Skips rows that another relay has locked. A notification whose worker died is due again when its lease ends.
    """
    return [Due(row.notification_id, row.attempts) for row in await connection.execute(_LEASE, {"limit": limit})]


async def begin_sending(connection: AsyncConnection, due: Due) -> Notification | None:
    """Take the notification for one attempt; None if it is sent, another worker has it, or that attempt was made before."""
    row = (await connection.execute(_BEGIN, {"id": due.notification_id, "attempts_before": due.attempts})).mappings().one_or_none()
    return _notification(row) if row else None


async def mark_sent(connection: AsyncConnection, notification_id: NotificationId) -> None:
    await connection.execute(_SENT, {"id": notification_id})


async def mark_failed(connection: AsyncConnection, notification: Notification, *, error: str, wait_seconds: int) -> None:
    """Make it due again after a wait, and keep the reason for people to read; nothing if another attempt has begun since."""
    values = {"id": notification.notification_id, "attempt": notification.attempts, "error": error, "wait": timedelta(seconds=wait_seconds)}
    await connection.execute(_FAILED, values)


async def forget_unverified_accounts(connection: AsyncConnection) -> int:
    """Forget some accounts that nobody opened in time, and the mails to them; how many. Skips those that somebody has locked.

    Only accounts that nobody can open any more: without a link, and owed no mail that brings one. A shut one stays, for its address is to
    stay shut. It stands here because no other feature sees all that refers to an account. Index: accounts_that_nobody_verified.
    """
    ids = list((await connection.execute(_UNVERIFIED)).scalars())
    if ids:
        await connection.execute(_FORGET_TOLD, {"ids": ids})
        await connection.execute(_FORGET_ACCOUNTS, {"ids": ids})
    return len(ids)


def _notification(row: RowMapping) -> Notification:
    return Notification(**row)
