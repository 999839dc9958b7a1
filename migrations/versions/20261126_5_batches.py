"""Orders for one sku that queue behind one another are held in one transaction. Expands."""

from alembic import op

from migrations import frozen_sql

revision = "20261126_5"
down_revision = "20261126_4"


def upgrade() -> None:
    frozen_sql.execute(revision, "reserve_batch")


def downgrade() -> None:
    op.execute("DROP FUNCTION reserve_batch")
