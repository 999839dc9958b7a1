"""Placing a reservation is planned once for each connection, and a quota looks at the lines of its own skus only. Expands."""

from alembic import op

from migrations import frozen_sql

revision = "20261126_6"
down_revision = "20261126_5"


def upgrade() -> None:
    frozen_sql.execute(revision, "exceeds_quota", "reserve", "reserve_batch")


def downgrade() -> None:
    op.execute("DROP FUNCTION reserve(uuid, text, bytea, uuid, text[], text[], int[], interval, text, jsonb, text, int, int)")
    op.execute("DROP FUNCTION reserve_batch, exceeds_quota")
    frozen_sql.execute("20261124_5", "exceeds_quota", "reserve")
    frozen_sql.execute("20261126_5", "reserve_batch")
