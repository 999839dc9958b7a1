"""Dead letters as they are looked at, and how much is owed."""

from datetime import UTC, datetime

from sqlalchemy import RowMapping, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.notifications.model import Attempt, DeadLetter, DeadLetterState, NotificationId, NotificationState, Payload
from services.inventory.notifications.tables import notifications
from services.runtime.outbox import Backlog, backlog_of

DEAD_LETTER_COLUMNS = (
    notifications.c.notification_id,
    notifications.c.kind,
    notifications.c.death_reason,
    notifications.c.history,
    notifications.c.account_id,
    notifications.c.reservation_id,
    notifications.c.request_id,
    notifications.c.died_at,
    notifications.c.dead_letter_state,
)

_DEAD_LETTER = select(*DEAD_LETTER_COLUMNS).where(
    notifications.c.notification_id == bindparam("id"), notifications.c.dead_letter_state.is_not(None)
)
_LOCK_DEAD_LETTER = _DEAD_LETTER.with_for_update()
_BACKLOG = backlog_of(notifications.c.created_at, notifications.c.state.in_([NotificationState.QUEUED, NotificationState.SENDING]))
_COUNT_DEAD = select(func.count()).where(notifications.c.state == NotificationState.DEAD)


async def read_backlog(connection: AsyncConnection) -> Backlog:
    """The mails that are neither sent nor given up. Index: notifications_in_a_state, as with the next."""
    return Backlog(*(await connection.execute(_BACKLOG)).one())


async def count_dead(connection: AsyncConnection) -> int:
    """Dead letters about which nobody has decided anything."""
    count: int = (await connection.execute(_COUNT_DEAD)).scalar_one()
    return count


async def find_dead_letter(connection: AsyncConnection, notification_id: NotificationId) -> DeadLetter | None:
    """What died, whatever was decided about it since."""
    row = (await connection.execute(_DEAD_LETTER, {"id": notification_id})).mappings().one_or_none()
    return dead_letter_of(row) if row else None


async def lock_dead_letter(connection: AsyncConnection, notification_id: NotificationId) -> DeadLetter | None:
    """The same, which nobody else can change until this transaction ends."""
    row = (await connection.execute(_LOCK_DEAD_LETTER, {"id": notification_id})).mappings().one_or_none()
    return dead_letter_of(row) if row else None


def dead_letter_of(row: RowMapping) -> DeadLetter:
    """From a row of DEAD_LETTER_COLUMNS."""
    return DeadLetter(
        dead_letter_id=row["notification_id"],
        kind=row["kind"],
        reason=row["death_reason"],
        attempts=tuple(Attempt(datetime.fromisoformat(one["at"]).astimezone(UTC), one["error"]) for one in row["history"]),
        payload=Payload(row["account_id"], row["reservation_id"], row["request_id"]),
        created_at=row["died_at"],
        state=DeadLetterState(row["dead_letter_state"]),
    )
