"""Every statement about notifications, but for what is looked at."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Interval,
    RowMapping,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.tables import accounts, mail_tokens, sessions
from services.inventory.notifications.facts import news_of
from services.inventory.notifications.model import (
    HISTORY_MAX,
    QUEUED_LEASE_SECONDS,
    SENDING_LEASE_SECONDS,
    DeadLetterState,
    Due,
    Ending,
    Notification,
    NotificationId,
    NotificationState,
)
from services.inventory.notifications.tables import notifications
from services.inventory.reservations.tables import reservations
from services.runtime.housekeeping import BATCH, delete_older
from services.runtime.outbox import outbox

UNVERIFIED_DAYS = 7  # a mail that is held back on its way comes within five days (RFC 5321), or not at all
# A sent one is what a person looks up: a season later somebody still asks. Longer than the outbox keeps the event that it tells
# of, so that no event can be told a second time.
SENT_KEPT = timedelta(days=90)

_columns = (
    notifications.c.notification_id,
    notifications.c.kind,
    notifications.c.account_id,
    notifications.c.reservation_id,
    notifications.c.created_at,
    notifications.c.request_id,
    notifications.c.attempts,
    notifications.c.failures,
    notifications.c.facts,
)


def _is_in(state: NotificationState) -> ColumnElement[bool]:
    # A literal, not a parameter: a plan that is made for any state cannot use the indexes of those that are not sent.
    return notifications.c.state == literal_column(f"'{state}'")


_is_this = notifications.c.notification_id == bindparam("id")
_is_waited_for = _is_in(NotificationState.QUEUED) | _is_in(NotificationState.SENDING)
# now(), not the clock: a volatile call in the condition could not use the index.
_is_due = notifications.c.due_at <= func.now()

_ADD = insert(notifications).on_conflict_do_nothing(constraint="an_event_is_told_once")
_DUE = (
    select(notifications.c.notification_id)
    .where(_is_in(NotificationState.QUEUED), _is_due)
    .order_by(notifications.c.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(notifications)
    .where(notifications.c.notification_id.in_(_DUE.scalar_subquery()))
    .values(due_at=func.clock_timestamp() + timedelta(seconds=QUEUED_LEASE_SECONDS))
    .returning(notifications.c.notification_id, notifications.c.attempts)
)
_SILENT = (
    select(*_columns)
    .where(_is_in(NotificationState.SENDING), _is_due)
    .order_by(notifications.c.notification_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_BEGIN = (
    update(notifications)
    .where(_is_this, _is_in(NotificationState.QUEUED), notifications.c.attempts == bindparam("attempts_before"))
    .values(
        state=NotificationState.SENDING.value,
        attempts=notifications.c.attempts + 1,
        due_at=func.clock_timestamp() + timedelta(seconds=SENDING_LEASE_SECONDS),
    )
    .returning(*_columns)
)
_WITHDRAW = delete(notifications).where(_is_this)
_SENT = (
    update(notifications)
    .where(_is_this, _is_waited_for)
    .values(state=NotificationState.SENT.value, sent_at=func.clock_timestamp(), last_error=None)
)
_error = cast(bindparam("error"), Text)
_this_attempt = func.jsonb_build_array(func.jsonb_build_object("at", func.clock_timestamp(), "error", _error))
_END = (
    update(notifications)
    .where(_is_this, _is_in(NotificationState.SENDING), notifications.c.attempts == bindparam("attempt"))
    .values(
        failures=bindparam("counted"),
        last_error=_error,
        history=func.jsonb_path_query_array(
            notifications.c.history.concat(_this_attempt), literal_column(f"'$[last - {HISTORY_MAX - 1} to last]'")
        ),
    )
)
# now(): what does not wait is leased in this same transaction.
_WAIT = _END.values(state=NotificationState.QUEUED.value, due_at=func.now() + bindparam("wait", type_=Interval))
_DIE = _END.values(
    state=NotificationState.DEAD.value,
    due_at=literal_column("'infinity'"),
    dead_letter_state=DeadLetterState.DEAD.value,
    died_at=func.clock_timestamp(),
    death_reason=_error,
)
_REPLAY = (
    update(notifications)
    .where(_is_this)
    .values(
        state=NotificationState.QUEUED.value, failures=0, due_at=func.clock_timestamp(), dead_letter_state=DeadLetterState.REPLAYED.value
    )
)
_DISCARD = update(notifications).where(_is_this).values(dead_letter_state=DeadLetterState.DISCARDED.value)
_UNVERIFIED = (
    select(accounts.c.account_id)
    # now(), for the sake of the index. Whoever registers again or opens the account meanwhile changes its row, and it is looked at again.
    .where(accounts.c.verified_at.is_(None), ~accounts.c.is_disabled, accounts.c.created_at < func.now() - timedelta(days=UNVERIFIED_DAYS))
    .where(~exists().where(outbox.c.entity_id == accounts.c.account_id, outbox.c.done_at.is_(None)))
    .where(~exists().where(notifications.c.account_id == accounts.c.account_id, _is_waited_for))
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
    """Up to `limit` notifications that wait and are due, put out of others' reach until their lease ends.

    Skips rows that another relay has locked. Index: notifications_due.
    """
    return [Due(row.notification_id, row.attempts) for row in await connection.execute(_LEASE, {"limit": limit})]


async def lock_silent(connection: AsyncConnection, *, limit: int) -> Sequence[Notification]:
    """Up to `limit` notifications whose attempt is over its time. Locks them, and skips locked ones. Index: notifications_in_a_state."""
    return [_notification(row) for row in (await connection.execute(_SILENT, {"limit": limit})).mappings()]


async def begin_sending(connection: AsyncConnection, due: Due) -> Notification | None:
    """Take the notification for one attempt; None if nobody waits for it, another worker has it, or that attempt was made before."""
    row = (await connection.execute(_BEGIN, {"id": due.notification_id, "attempts_before": due.attempts})).mappings().one_or_none()
    return _notification(row) if row else None


async def withdraw(connection: AsyncConnection, notification_id: NotificationId) -> None:
    """Forget a notification that will never be a mail."""
    await connection.execute(_WITHDRAW, {"id": notification_id})


async def mark_sent(connection: AsyncConnection, notification_id: NotificationId) -> None:
    """Whatever attempt it was. A dead one stays so."""
    await connection.execute(_SENT, {"id": notification_id})


async def end_attempt(connection: AsyncConnection, notification: Notification, ending: Ending) -> bool:
    """Write down how this attempt ended, and what follows; False, and nothing changes, if it is not the current one any more."""
    values = {
        "id": notification.notification_id,
        "attempt": notification.attempts,
        "error": ending.error,
        "counted": ending.failures,
    }
    if ending.wait_seconds is None:
        return (await connection.execute(_DIE, values)).rowcount == 1
    return (await connection.execute(_WAIT, {**values, "wait": timedelta(seconds=ending.wait_seconds)})).rowcount == 1


async def replay(connection: AsyncConnection, notification_id: NotificationId) -> None:
    """Let it be due at once, with all its attempts before it. Lock it and see that it is dead first."""
    await connection.execute(_REPLAY, {"id": notification_id})


async def discard(connection: AsyncConnection, notification_id: NotificationId) -> None:
    """Lock it and see that it is dead first."""
    await connection.execute(_DISCARD, {"id": notification_id})


async def forget_sent(connection: AsyncConnection) -> int:
    """Forget a batch of notifications that were sent long ago; how many. Dead ones stay, however old. Index: notifications_by_age."""
    return await delete_older(connection, notifications.c.sent_at, than=SENT_KEPT)


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
    return Notification(**{**row, "facts": news_of(row["facts"]) if row["facts"] else None})
