"""How much there is, and the ledger that explains it. Expands.

Identity lies in a cold row that others refer to, counters and what they are compared with in a hot row that nothing refers
to and no index mentions: so a reservation updates the counters within their page (HOT), and nobody waits for a foreign key.
"""

from alembic import op

revision = "20261124_2"
down_revision = "20261124_1"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE stock_items (
          item_id       uuid PRIMARY KEY,
          product_id    uuid NOT NULL CONSTRAINT an_item_is_a_product REFERENCES products,
          warehouse_id  uuid NOT NULL CONSTRAINT an_item_lies_in_a_warehouse REFERENCES warehouses,
          version       int NOT NULL DEFAULT 1,
          CONSTRAINT a_product_has_one_item_in_a_warehouse UNIQUE (product_id, warehouse_id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE stock_levels (
          item_id          uuid PRIMARY KEY CONSTRAINT a_level_belongs_to_an_item REFERENCES stock_items,
          on_hand          int NOT NULL DEFAULT 0 CONSTRAINT on_hand_is_in_range CHECK (on_hand BETWEEN 0 AND 1000000000),
          held             int NOT NULL DEFAULT 0 CONSTRAINT held_is_not_negative CHECK (held >= 0),
          allocated        int NOT NULL DEFAULT 0 CONSTRAINT allocated_is_not_negative CHECK (allocated >= 0),
          safety_stock     int NOT NULL DEFAULT 0 CONSTRAINT safety_stock_is_in_range CHECK (safety_stock BETWEEN 0 AND 1000000000),
          backorder_limit  int NOT NULL DEFAULT 0 CONSTRAINT backorder_limit_is_in_range CHECK (backorder_limit BETWEEN 0 AND 1000000000),
          low_stock_at     int NOT NULL DEFAULT 0 CONSTRAINT low_stock_at_is_in_range CHECK (low_stock_at BETWEEN 0 AND 1000000000),
          updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
          CONSTRAINT promises_do_not_exceed_stock CHECK (held + allocated <= on_hand + backorder_limit)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000)
        """
    )
    op.execute(
        """
        CREATE TABLE stock_movements (
          movement_id    uuid PRIMARY KEY,
          item_id        uuid NOT NULL CONSTRAINT a_movement_is_of_an_item REFERENCES stock_items,
          delta          int NOT NULL CONSTRAINT a_movement_moves_something CHECK (delta <> 0),
          on_hand_after  int NOT NULL CONSTRAINT on_hand_after_is_not_negative CHECK (on_hand_after >= 0),
          reason         text NOT NULL CONSTRAINT a_reason_is_known CHECK (reason IN (
                           'receipt', 'adjustment', 'count', 'fulfilment', 'return', 'transfer_in', 'transfer_out', 'damage')),
          reference      text CONSTRAINT a_reference_is_short CHECK (length(reference) <= 200),
          actor          text NOT NULL,
          created_at     timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """
    )
    op.execute("CREATE INDEX stock_movements_of_an_item ON stock_movements (item_id, movement_id)")
    op.execute(
        """
        CREATE FUNCTION refuse_to_rewrite_history() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          RAISE EXCEPTION 'the ledger is append-only: correct a movement with another movement';
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER the_ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON stock_movements
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_history()
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE stock_movements")
    op.execute("DROP FUNCTION refuse_to_rewrite_history")
    op.execute("DROP TABLE stock_levels")
    op.execute("DROP TABLE stock_items")
