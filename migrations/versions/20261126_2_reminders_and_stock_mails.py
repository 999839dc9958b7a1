"""When a hold's owner was reminded of its end, and what the staff have not been told of the stock. Expands.

An event may have several mails, each to another account. The release before names the constraint that says so, and it keeps its
name; what a first try left behind is dropped before it is built again.
"""

from alembic import op

revision = "20261126_2"
down_revision = "20261126_1"

_INDEXES = {
    "reservations_to_remind": (
        "reservations (expires_at) WHERE state = 'held' AND expires_at - coalesce(reminded_at, created_at) >= interval '300 seconds'"
    ),
    "accounts_of_staff": "accounts (account_id) WHERE role IN ('staff', 'admin')",
}


def upgrade() -> None:
    op.execute("ALTER TABLE reservations ADD COLUMN IF NOT EXISTS reminded_at timestamptz")
    op.execute("ALTER TABLE notifications ADD COLUMN IF NOT EXISTS facts jsonb")
    op.execute(
        """
        CREATE TABLE IF NOT EXISTS crossings (
          event_id    bigint PRIMARY KEY,
          kind        text NOT NULL,
          item_id     uuid NOT NULL CONSTRAINT a_crossing_is_of_an_item REFERENCES stock_items,
          available   int NOT NULL,
          crossed_at  timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE TABLE IF NOT EXISTS turns (name text PRIMARY KEY, taken_at timestamptz NOT NULL)")
    with op.get_context().autocommit_block():
        for name, what in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS an_event_is_told_once_to_each")
        op.execute("CREATE UNIQUE INDEX CONCURRENTLY an_event_is_told_once_to_each ON notifications (event_id, account_id)")
    # What it guaranteed is still so: of the owner's own mails there is one for each event.
    op.execute(
        """
        ALTER TABLE notifications
          -- squawk-ignore ban-drop-constraint
          DROP CONSTRAINT an_event_is_told_once,
          ADD CONSTRAINT an_event_is_told_once UNIQUE USING INDEX an_event_is_told_once_to_each
        """
    )


def downgrade() -> None:
    # The release before tells nobody but the owner, and composes no mail from facts.
    op.execute("DELETE FROM notifications WHERE facts IS NOT NULL")
    op.execute(
        """
        ALTER TABLE notifications
          DROP CONSTRAINT an_event_is_told_once,
          ADD CONSTRAINT an_event_is_told_once UNIQUE (event_id),
          DROP COLUMN facts
        """
    )
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
    op.execute("DROP TABLE turns")
    op.execute("DROP TABLE crossings")
    op.execute("ALTER TABLE reservations DROP COLUMN reminded_at")
