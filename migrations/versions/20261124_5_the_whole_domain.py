"""Quotas, lines that can be replaced, shipments in the ledger, which items are low and which take holds. Expands.

`reserve` gets new parameters, so the function of the release before stays until a later release drops it.
"""

from pathlib import Path

from alembic import op

revision = "20261124_5"
down_revision = "20261124_4"

_FROZEN = Path(__file__).parent.parent / "frozen"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE stock_movements ADD COLUMN reservation_id uuid CONSTRAINT a_movement_may_be_for_a_reservation REFERENCES reservations
        """
    )
    op.execute("CREATE INDEX reservations_held_by_account ON reservations (account_id) WHERE state = 'held'")
    op.execute(
        """
        CREATE TABLE low_stock (
          item_id  uuid PRIMARY KEY CONSTRAINT a_low_item_is_an_item REFERENCES stock_items,
          status   text NOT NULL CONSTRAINT a_stock_status_is_known CHECK (status IN ('low', 'out')),
          since    timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """
    )
    for name in ("stock_status", "low_stock", "exceeds_quota", "plan_order", "reserve"):
        op.get_bind().exec_driver_sql((_FROZEN / f"{revision}_{name}.sql").read_text())
    # In its place, and with one column more at its end: the release before goes on reading it.
    stock_now = (_FROZEN / f"{revision}_stock_now.sql").read_text()
    op.get_bind().exec_driver_sql(stock_now.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
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


def downgrade() -> None:
    op.execute("DROP VIEW stock_now")
    op.get_bind().exec_driver_sql((_FROZEN / "20261124_3_stock_now.sql").read_text())
    op.execute("DROP TRIGGER a_new_level_is_noted ON stock_levels")
    op.execute("DROP TRIGGER a_crossing_is_noted ON stock_levels")
    op.execute("DROP FUNCTION reserve(uuid, text, bytea, uuid, text[], text[], int[], interval, text, jsonb, text, int, int)")
    op.execute("DROP FUNCTION plan_order(text[], text[], int[], jsonb)")
    op.execute("DROP FUNCTION exceeds_quota, note_crossing, stock_status")
    op.execute("DROP TABLE low_stock")
    op.execute("DROP INDEX reservations_held_by_account")
    op.execute("ALTER TABLE stock_movements DROP COLUMN reservation_id")
