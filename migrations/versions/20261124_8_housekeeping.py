"""What is thrown away once nobody can ask for it: the relay finds it by age. Expands.

Each index is built while others write, in a transaction of its own; one that a build left invalid is dropped first.
"""

from alembic import op

revision = "20261124_8"
down_revision = "20261124_7"

_INDEXES = {
    "idempotency_keys_by_age": "idempotency_keys (created_at)",
    "sessions_by_use": "sessions (last_used_at)",
    "mail_tokens_by_end": "mail_tokens (expires_at)",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, what in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")


def downgrade() -> None:
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
