"""Time passes for a row, and the test does not wait."""

from uuid import UUID

from tests.support.database import Database


async def expire(database: Database, reservation_id: UUID | str) -> None:
    """Let the hold have ended a millisecond ago; nothing has noticed yet."""
    await ends_in(database, reservation_id, seconds=-0.001)


async def ends_in(database: Database, reservation_id: UUID | str, *, seconds: float) -> None:
    """Let so much time have passed since the hold was placed that so much is left."""
    await database.do(
        """
        UPDATE reservations reservation
           SET expires_at = expires_at - passed, created_at = created_at - passed, reminded_at = reminded_at - passed
          FROM (SELECT expires_at - clock_timestamp() - make_interval(secs => $2) AS passed
                  FROM reservations WHERE reservation_id = $1) since
         WHERE reservation_id = $1
        """,
        UUID(str(reservation_id)),
        seconds,
    )


async def end_leases(database: Database) -> None:
    """Let every worker that took a notification have had its time for it."""
    await database.do("UPDATE notifications SET due_at = clock_timestamp() WHERE state <> 'sent'")
