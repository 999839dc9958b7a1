"""Accounts that nobody opened are thrown away: found by age, and by what might refer to one. Expands.

PostgreSQL looks for rows that refer to an account before it deletes it, and cannot use an index of open sessions for that: the index of
all of them takes the place of the one of open ones. Each is built while others write; one that a build left invalid is dropped first.
"""

from alembic import op

revision = "20261126_4"
down_revision = "20261126_2"

_INDEXES = {
    "accounts_that_nobody_verified": "accounts (created_at) WHERE verified_at IS NULL AND NOT is_disabled",
    "sessions_by_account": "sessions (account_id, session_id)",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, what in _INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS sessions_of_an_account")


def downgrade() -> None:
    op.execute("CREATE INDEX sessions_of_an_account ON sessions (account_id, session_id) WHERE ended_at IS NULL")
    for name in _INDEXES:
        op.execute(f"DROP INDEX {name}")
