"""What lists and quotas are read by, and the check of a reference that the migration before left open. Expands, and replaces one index.

An index of a table that grows is built while others write, so each is a transaction of its own; one that was left invalid
by a build that was cut off is dropped first. No index mentions what a reservation changes in a stock level.
"""

from alembic import op

from migrations import frozen_sql

revision = "20261124_6"
down_revision = "20261124_5"

_INDEXES = {
    # What an account holds, for its quota.
    "reservations_held_by_account": "reservations (account_id) WHERE state = 'held'",
    # The list of products in each order: of the active or of the archived, from any place on, in both directions. What they
    # include is what a list is filtered by while it is walked through, without a look at the rows that are passed over.
    "products_by_sku": "products (status, sku, product_id) INCLUDE (updated_at, price_minor)",
    "products_by_name": "products (status, name, product_id) INCLUDE (updated_at, price_minor)",
    "products_by_price": "products (status, coalesce(price_minor, 9007199254740992), product_id) INCLUDE (updated_at, price_minor)",
    "products_by_creation": "products (status, created_at, product_id) INCLUDE (updated_at, price_minor)",
    "products_by_update": "products (status, updated_at, product_id)",
    # The list of a category by sku, and of a small category in any order.
    "products_of_a_category": "products (category, status, sku, product_id)",
    # The filters attributes.<name>.
    "products_with_attributes": "products USING gin (attributes jsonb_path_ops)",
    # The text search, for a substring of three characters or more and for what is spelt like the text.
    "products_by_words": "products USING gin ((sku || ' ' || name) gin_trgm_ops)",
    # The text search for one or two characters.
    "products_by_letters": "products USING gin (letters(sku || ' ' || name))",
    # The levels of a warehouse by item.
    "stock_items_of_a_warehouse": "stock_items (warehouse_id, item_id)",
    # The ledger newest first: all of it or a span of time, for a reason, for a reference, by an actor, of an item.
    "stock_movements_by_time": "stock_movements (created_at, movement_id)",
    "stock_movements_for_a_reason": "stock_movements (reason, created_at, movement_id)",
    "stock_movements_for_a_reference": "stock_movements (reference, created_at, movement_id) WHERE reference IS NOT NULL",
    "stock_movements_by_an_actor": "stock_movements (actor, created_at, movement_id)",
    "stock_movements_of_an_item": "stock_movements (item_id, created_at, movement_id)",
    # The reservations of an account, in a state, with a reference, newest first; those made in a span of time.
    "reservations_of_an_account": "reservations (account_id, reservation_id)",
    "reservations_in_a_state": "reservations (state, reservation_id)",
    "reservations_with_a_reference": "reservations (external_ref, reservation_id) WHERE external_ref IS NOT NULL",
    "reservations_by_time": "reservations USING brin (created_at, expires_at)",
}


def upgrade() -> None:
    op.execute("ALTER TABLE stock_movements VALIDATE CONSTRAINT a_movement_may_be_for_a_reservation")
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    frozen_sql.execute(revision, "letters")
    with op.get_context().autocommit_block():
        for name, what in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")
        op.execute("ANALYZE products")  # an index of an expression is not used well before its values were counted


def downgrade() -> None:
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
    op.execute("CREATE INDEX stock_movements_of_an_item ON stock_movements (item_id, movement_id)")
    op.execute("DROP FUNCTION letters")
    op.execute("DROP EXTENSION pg_trgm")
