"""Every statement about notifications."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import RowMapping, bindparam, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.notifications.model import QUEUED_LEASE_SECONDS, SENDING_LEASE_SECONDS, Due, Notification, NotificationId, State
from services.inventory.notifications.tables import notifications

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


def _notification(row: RowMapping) -> Notification:
    return Notification(**row)
