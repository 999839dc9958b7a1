"""A notification whose attempts fail dies in the end, with its history, and waits for somebody to decide. Expands.

A relay of the release before publishes whatever is due and not sent. So a dead one is due at no time at all, and a worker of
that release cannot revive it: the constraints refuse. What a first try left behind is dropped before it is built again.
"""

from alembic import op

revision = "20261126_1"
down_revision = "20261124_8"

_CONSTRAINTS = {
    "a_notification_state_is_known": "state IN ('queued', 'sending', 'sent', 'dead')",
    "a_fifth_failure_is_the_last": "failures BETWEEN 0 AND 4 OR failures = 5 AND state = 'dead'",
    "a_history_is_short": "jsonb_array_length(history) <= 20",
    "a_dead_letter_state_is_known": "dead_letter_state IN ('dead', 'replayed', 'discarded')",
    "a_dead_letter_has_a_time_and_a_reason": (
        "(dead_letter_state IS NULL) = (died_at IS NULL) AND (dead_letter_state IS NULL) = (death_reason IS NULL)"
    ),
    "a_dead_notification_is_a_dead_letter": "(state = 'dead') = (dead_letter_state IS NOT NULL AND dead_letter_state <> 'replayed')",
    "a_dead_notification_is_never_due": "(state = 'dead') = (due_at = 'infinity')",
}
_INDEXES = {
    "notifications_of_an_account": "notifications (account_id, notification_id)",
    "notifications_about_a_reservation": "notifications (reservation_id, notification_id) WHERE reservation_id IS NOT NULL",
    "notifications_of_a_kind": "notifications (kind, notification_id)",
    "notifications_in_a_state": "notifications (state, notification_id) WHERE state <> 'sent'",
    "notifications_by_age": "notifications (sent_at) WHERE sent_at IS NOT NULL",
    "dead_letters_by_time": "notifications (dead_letter_state, died_at, notification_id) WHERE dead_letter_state IS NOT NULL",
    "outbox_by_age": "outbox (done_at) WHERE done_at IS NOT NULL",
}


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE notifications
          ADD COLUMN IF NOT EXISTS failures int NOT NULL DEFAULT 0,
          ADD COLUMN IF NOT EXISTS history jsonb NOT NULL DEFAULT '[]',
          ADD COLUMN IF NOT EXISTS dead_letter_state text,
          ADD COLUMN IF NOT EXISTS died_at timestamptz,
          ADD COLUMN IF NOT EXISTS death_reason text
        """
    )
    # The first goes into the place of a narrower one; of the others only an earlier try of ours can have left any.
    for name, rule in _CONSTRAINTS.items():
        op.execute(
            f"""
            -- squawk-ignore ban-drop-constraint
            ALTER TABLE notifications DROP CONSTRAINT IF EXISTS {name}, ADD CONSTRAINT {name} CHECK ({rule}) NOT VALID
            """
        )
    with op.get_context().autocommit_block():
        # Each in a transaction of its own: what reads the table keeps nobody from writing to it.
        for name in _CONSTRAINTS:
            op.execute(f"ALTER TABLE notifications VALIDATE CONSTRAINT {name}")
        for name, what in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")


def downgrade() -> None:
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
    # The release before knows no other way to be finished with one; its time says that it was not sent then.
    op.execute(
        """
        ALTER TABLE notifications
          DROP CONSTRAINT a_notification_state_is_known,
          DROP CONSTRAINT a_dead_notification_is_a_dead_letter,
          DROP CONSTRAINT a_dead_notification_is_never_due
        """
    )
    op.execute("UPDATE notifications SET state = 'sent', sent_at = died_at, due_at = died_at WHERE state = 'dead'")
    op.execute(
        """
        ALTER TABLE notifications
          ADD CONSTRAINT a_notification_state_is_known CHECK (state IN ('queued', 'sending', 'sent')),
          DROP COLUMN failures, DROP COLUMN history, DROP COLUMN dead_letter_state, DROP COLUMN died_at, DROP COLUMN death_reason
        """
    )
