"""Sessions that can be ended, links that work once, keys that rotate, and a trail of who did what. Expands.

Nothing in here is of use to whoever steals it: of a refresh token and of the token in a mailed link only the hash is
stored, of a signing key only its name. Accounts of the release before are taken as verified: somebody opened them by hand.
"""

from alembic import op

revision = "20261124_7"
down_revision = "20261124_6"


def upgrade() -> None:
    # First, because it commits what is before it: cut off in the middle of the build, a second try would find half of the tables.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS accounts_that_administer")
        op.execute("CREATE INDEX CONCURRENTLY accounts_that_administer ON accounts (account_id) WHERE role = 'admin' AND NOT is_disabled")
    op.execute("ALTER TABLE accounts ADD COLUMN verified_at timestamptz")
    op.execute("UPDATE accounts SET verified_at = created_at")
    op.execute(
        """
        CREATE TABLE sessions (
          session_id    uuid PRIMARY KEY,
          account_id    uuid NOT NULL CONSTRAINT a_session_is_of_an_account REFERENCES accounts,
          ip            text,
          user_agent    text CONSTRAINT a_user_agent_is_short CHECK (length(user_agent) <= 300),
          created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
          last_used_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
          expires_at    timestamptz NOT NULL,
          ended_at      timestamptz,
          end_reason    text,
          CONSTRAINT an_ended_session_has_a_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
        )
        """
    )
    op.execute("CREATE INDEX sessions_of_an_account ON sessions (account_id, session_id) WHERE ended_at IS NULL")
    op.execute(
        """
        CREATE TABLE refresh_tokens (
          token_hash  bytea PRIMARY KEY,
          session_id  uuid NOT NULL CONSTRAINT a_refresh_token_is_of_a_session REFERENCES sessions,
          number      int NOT NULL,
          used_at     timestamptz,
          CONSTRAINT tokens_of_a_session_are_numbered UNIQUE (session_id, number)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE mail_tokens (
          token_hash  bytea PRIMARY KEY,
          account_id  uuid NOT NULL CONSTRAINT a_mail_token_is_of_an_account REFERENCES accounts,
          purpose     text NOT NULL CONSTRAINT a_purpose_is_known CHECK (purpose IN ('verify_email', 'reset_password')),
          expires_at  timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX mail_tokens_of_an_account ON mail_tokens (account_id, purpose)")
    op.execute(
        """
        CREATE TABLE revocations (
          subject_id  uuid PRIMARY KEY,
          revoked_at  timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """
    )
    op.execute("CREATE INDEX revocations_by_time ON revocations (revoked_at)")
    op.execute(
        """
        CREATE TABLE signing_keys (
          kid         text PRIMARY KEY CONSTRAINT a_kid_is_short CHECK (length(kid) BETWEEN 1 AND 64),
          created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
        )
        """
    )
    # Signs at once: there is no older key for a process to go on with.
    op.execute("INSERT INTO signing_keys (kid, created_at) VALUES (gen_random_uuid()::text, '2000-01-01Z')")
    op.execute(
        """
        CREATE TABLE audit_events (
          event_id    uuid PRIMARY KEY,
          action      text NOT NULL,
          outcome     text NOT NULL CONSTRAINT an_outcome_is_known CHECK (outcome IN ('success', 'failure', 'denied')),
          actor_id    uuid,
          subject_id  uuid,
          ip          text,
          request_id  text,
          created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
          details     jsonb NOT NULL DEFAULT '{}'
        )
        """
    )
    op.execute("CREATE INDEX audit_events_by_time ON audit_events (created_at, event_id)")
    op.execute("CREATE INDEX audit_events_of_an_actor ON audit_events (actor_id, created_at, event_id) WHERE actor_id IS NOT NULL")
    op.execute("CREATE INDEX audit_events_of_an_action ON audit_events (action, created_at, event_id)")
    op.execute(
        """
        CREATE TRIGGER the_trail_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_rewrite_history()
        """
    )
    # A worker of the release before that is given a mail about an account fails, and the row comes due again for a newer one.
    op.execute(
        """
        -- squawk-ignore ban-drop-not-null
        ALTER TABLE notifications ALTER COLUMN reservation_id DROP NOT NULL
        """
    )


def downgrade() -> None:
    op.execute("DELETE FROM notifications WHERE reservation_id IS NULL")
    op.execute("ALTER TABLE notifications ALTER COLUMN reservation_id SET NOT NULL")
    op.execute("DROP TABLE audit_events, signing_keys, revocations, mail_tokens, refresh_tokens, sessions")
    op.execute("DROP INDEX accounts_that_administer")
    op.execute("ALTER TABLE accounts DROP COLUMN verified_at")
