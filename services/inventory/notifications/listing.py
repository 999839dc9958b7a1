"""Notifications and dead letters as lists."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts.model import AccountId
from services.inventory.notifications.model import DeadLetter, DeadLetterState, NotificationId, NotificationState
from services.inventory.notifications.reading import DEAD_LETTER_COLUMNS, dead_letter_of
from services.inventory.notifications.tables import notifications
from services.inventory.reservations.model import ReservationId
from services.runtime.paging import Order, Page, Window, fetch_page

# An id begins with the time at which it was made.
_NEWEST_FIRST = Order((notifications.c.notification_id,), is_descending=True)
_LAST_DIED_FIRST = Order((notifications.c.died_at, notifications.c.notification_id), is_descending=True)
_STATUS_COLUMNS = (
    notifications.c.notification_id,
    notifications.c.kind,
    notifications.c.state,
    notifications.c.attempts,
    notifications.c.last_error,
    notifications.c.reservation_id,
    notifications.c.created_at,
    notifications.c.sent_at,
)


@dataclass(frozen=True, slots=True)
class NotificationFilters:
    """None lets everything through."""

    account_id: AccountId | None = None
    kind: str | None = None
    state: NotificationState | None = None
    reservation_id: ReservationId | None = None


@dataclass(frozen=True, slots=True)
class NotificationStatus:
    """Whether somebody was told, as it is looked up."""

    notification_id: NotificationId
    kind: str
    state: NotificationState
    attempts: int
    last_error: str | None
    reservation_id: ReservationId | None
    created_at: datetime
    sent_at: datetime | None


async def list_notifications(connection: AsyncConnection, filters: NotificationFilters, *, window: Window) -> Page[NotificationStatus]:
    """Notifications that pass every filter, newest first. One query.

    Indexes: the primary key, notifications_of_an_account, notifications_about_a_reservation, notifications_of_a_kind,
    notifications_in_a_state.
    """
    return await fetch_page(
        connection,
        _passing(filters),
        _NEWEST_FIRST,
        lambda row: NotificationStatus(
            **{column.name: row[column.name] for column in _STATUS_COLUMNS} | {"state": NotificationState(row["state"])}
        ),
        window=window,
    )


async def list_dead_letters(connection: AsyncConnection, state: DeadLetterState, *, window: Window) -> Page[DeadLetter]:
    """What died and is in this state, the last that died first. One query. Index: dead_letters_by_time."""
    statement = select(*DEAD_LETTER_COLUMNS).where(notifications.c.dead_letter_state == state.value)
    return await fetch_page(connection, statement, _LAST_DIED_FIRST, dead_letter_of, window=window)


def _passing(filters: NotificationFilters) -> Select[tuple[object, ...]]:
    statement = select(*_STATUS_COLUMNS)
    if filters.account_id is not None:
        statement = statement.where(notifications.c.account_id == filters.account_id)
    if filters.kind is not None:
        statement = statement.where(notifications.c.kind == filters.kind)
    if filters.state is not None:
        # A literal: the index of those that are not sent is not that of any state.
        statement = statement.where(notifications.c.state == literal_column(f"'{filters.state}'"))
    if filters.reservation_id is not None:
        statement = statement.where(notifications.c.reservation_id == filters.reservation_id)
    return statement
