"""Quotas, lines that can be replaced, shipments in the ledger, which items are low and which take holds. Expands.

`reserve` gets new parameters, so the function of the release before stays until a later release drops it.
"""

from alembic import op

from migrations import frozen_sql

revision = "20261124_5"
down_revision = "20261124_4"


def upgrade() -> None:
    op.execute("ALTER TABLE stock_movements ADD COLUMN reservation_id uuid")
    # Not valid yet: the next migration reads the ledger that is there, and nobody who writes has to wait for it.
    op.execute(
        """
        ALTER TABLE stock_movements ADD CONSTRAINT a_movement_may_be_for_a_reservation
        FOREIGN KEY (reservation_id) REFERENCES reservations NOT VALID
        """
    )
    op.execute(
        """
        CREATE TABLE low_stock (
          item_id  uuid PRIMARY KEY CONSTRAINT a_low_item_is_an_item REFERENCES stock_items,
          status   text NOT NULL CONSTRAINT a_stock_status_is_known CHECK (status IN ('low', 'out')),
          since    timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """
    )
    # The view goes into the place of the old one, with one more column at its end: the release before goes on reading it.
    frozen_sql.execute(revision, "stock_status", "low_stock", "exceeds_quota", "plan_order", "reserve", "stock_now")
    op.execute(
        """
        CREATE TRIGGER a_crossing_is_noted AFTER UPDATE ON stock_levels
        FOR EACH ROW WHEN (stock_status(OLD) IS DISTINCT FROM stock_status(NEW)) EXECUTE FUNCTION note_crossing()
        """
    )
    op.execute(
        """
        CREATE TRIGGER a_new_level_is_noted AFTER INSERT ON stock_levels
        FOR EACH ROW WHEN (stock_status(NEW) IS NOT NULL) EXECUTE FUNCTION note_crossing()
        """
    )
    # What is low already will cross nothing. Whoever writes to a level waits for this one reading of them all, or would be missed.
    op.execute(
        """
        INSERT INTO low_stock (item_id, status)
        SELECT item_id, stock_status(level) FROM stock_levels level WHERE stock_status(level) IS NOT NULL
        """
    )


def downgrade() -> None:
    op.execute("DROP VIEW stock_now")
    frozen_sql.execute("20261124_3", "stock_now")
    op.execute("DROP TRIGGER a_new_level_is_noted ON stock_levels")
    op.execute("DROP TRIGGER a_crossing_is_noted ON stock_levels")
    op.execute("DROP FUNCTION reserve(uuid, text, bytea, uuid, text[], text[], int[], interval, text, jsonb, text, int, int)")
    op.execute("DROP FUNCTION plan_order(text[], text[], int[], jsonb)")
    op.execute("DROP FUNCTION exceeds_quota, note_crossing, stock_status")
    op.execute("DROP TABLE low_stock")
    op.execute("ALTER TABLE stock_movements DROP COLUMN reservation_id")
