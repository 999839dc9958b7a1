"""Time passes for a row, and the test does not wait."""

from uuid import UUID

from tests.support.database import Database


async def expire(database: Database, reservation_id: UUID | str) -> None:
    """Let the hold have ended a millisecond ago; nothing has noticed yet."""
    await database.do(
        """
        UPDATE reservations
           SET created_at = created_at - (expires_at - clock_timestamp()), expires_at = clock_timestamp() - interval '1 ms'
         WHERE reservation_id = $1
        """,
        UUID(str(reservation_id)),
    )


async def end_leases(database: Database) -> None:
    """Let every worker that took a notification have had its time for it."""
    await database.do("UPDATE notifications SET due_at = clock_timestamp() WHERE state <> 'sent'")
