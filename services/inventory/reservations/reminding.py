"""The one statement about holds that are about to end."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.reservations.events import ReservationExpiring
from services.inventory.reservations.model import HOLD_SECONDS_REMINDED_MIN, REMINDED_SECONDS_BEFORE, REMINDED_SECONDS_MIN

# Literals and now(), not parameters and the clock, or the index could not be used. A row is looked at again once it is locked, so
# what was confirmed or extended in the meantime is left alone.
_REMIND = text(
    f"""
    WITH due AS (
      SELECT reservation_id FROM reservations
       WHERE state = 'held'
         AND expires_at - coalesce(reminded_at, created_at) >= interval '{HOLD_SECONDS_REMINDED_MIN} seconds'
         AND expires_at <= now() + interval '{REMINDED_SECONDS_BEFORE} seconds'
         AND expires_at >= now() + interval '{REMINDED_SECONDS_MIN} seconds'
       ORDER BY expires_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED),
    reminded AS (
      UPDATE reservations reservation SET reminded_at = clock_timestamp() FROM due
       WHERE reservation.reservation_id = due.reservation_id
      RETURNING reservation.reservation_id, reservation.account_id)
    INSERT INTO outbox (name, entity_id, facts)
    SELECT '{ReservationExpiring.name}', reservation_id, jsonb_build_object('reservation_id', reservation_id, 'account_id', account_id)
      FROM reminded
    """  # noqa: S608  # constants of ours
)


async def remind_due(connection: AsyncConnection, *, limit: int) -> int:
    """Tell of up to `limit` holds that are about to end, each once for each of its ends; how many.

    Five minutes or more must lie between the end and the creation, or the last reminder: so a short hold has none, one that was
    extended has another, and one that is extended every few seconds is not a mail every few seconds. Where hardly any time is
    left nobody is told: the mail would come too late.

    A transaction of its own, in one statement. Locks the holds, and skips locked ones. Index: reservations_to_remind.
    """
    return (await connection.execute(_REMIND, {"limit": limit})).rowcount
