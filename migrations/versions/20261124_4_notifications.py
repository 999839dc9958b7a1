"""What people are told, and whether it arrived. Expands."""

from alembic import op

revision = "20261124_4"
down_revision = "20261124_3"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE notifications (
          notification_id  uuid PRIMARY KEY,
          event_id         bigint NOT NULL CONSTRAINT an_event_is_told_once UNIQUE,
          kind             text NOT NULL,
          account_id       uuid NOT NULL CONSTRAINT a_notification_is_for_an_account REFERENCES accounts,
          reservation_id   uuid NOT NULL CONSTRAINT a_notification_is_about_a_reservation REFERENCES reservations,
          state            text NOT NULL DEFAULT 'queued' CONSTRAINT a_notification_state_is_known CHECK (
                             state IN ('queued', 'sending', 'sent')),
          attempts         int NOT NULL DEFAULT 0,
          last_error       text,
          request_id       text,
          created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
          due_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
          sent_at          timestamptz,
          CONSTRAINT a_sent_notification_has_a_time CHECK ((state = 'sent') = (sent_at IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX notifications_due ON notifications (due_at) WHERE state <> 'sent'")


def downgrade() -> None:
    op.execute("DROP TABLE notifications")
