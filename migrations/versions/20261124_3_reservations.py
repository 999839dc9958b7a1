"""Who has been promised what, and the functions that decide. Expands.

The functions and views are frozen copies, in migrations/frozen/, of the files beside the features that own them.
"""

from alembic import op

from migrations import frozen_sql

revision = "20261124_3"
down_revision = "20261124_2"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE reservations (
          reservation_id  uuid PRIMARY KEY,
          account_id      uuid NOT NULL CONSTRAINT a_reservation_has_an_owner REFERENCES accounts,
          external_ref    text CONSTRAINT an_external_ref_is_short CHECK (length(external_ref) BETWEEN 1 AND 200),
          state           text NOT NULL CONSTRAINT a_state_is_known CHECK (
                            state IN ('held', 'confirmed', 'fulfilled', 'cancelled', 'expired')),
          expires_at      timestamptz NOT NULL,
          created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
          confirmed_at    timestamptz,
          closed_at       timestamptz,
          close_reason    text,
          version         int NOT NULL DEFAULT 1,
          metadata        jsonb NOT NULL DEFAULT '{}',
          CONSTRAINT an_ended_reservation_has_an_end CHECK (
            (state IN ('fulfilled', 'cancelled', 'expired')) = (closed_at IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX reservations_due ON reservations (expires_at) WHERE state = 'held'")
    op.execute(
        """
        CREATE UNIQUE INDEX one_live_reservation_per_reference ON reservations (account_id, external_ref)
        WHERE state IN ('held', 'confirmed')
        """
    )
    op.execute(
        """
        CREATE TABLE reservation_lines (
          reservation_id  uuid NOT NULL CONSTRAINT a_line_is_of_a_reservation REFERENCES reservations,
          item_id         uuid NOT NULL CONSTRAINT a_line_is_for_an_item REFERENCES stock_items,
          quantity        int NOT NULL CONSTRAINT a_line_has_1_to_1000000_units CHECK (quantity BETWEEN 1 AND 1000000),
          fulfilled       int NOT NULL DEFAULT 0 CONSTRAINT fulfilled_is_not_negative CHECK (fulfilled >= 0),
          released        int NOT NULL DEFAULT 0 CONSTRAINT released_is_not_negative CHECK (released >= 0),
          PRIMARY KEY (reservation_id, item_id),
          CONSTRAINT a_line_ends_no_more_than_it_has CHECK (fulfilled + released <= quantity)
        )
        """
    )
    op.execute("CREATE INDEX reservation_lines_of_an_item ON reservation_lines (item_id, reservation_id)")
    op.execute(
        """
        CREATE TABLE idempotency_keys (
          account_id   uuid NOT NULL,
          key          text NOT NULL CONSTRAINT a_key_has_1_to_255_characters CHECK (length(key) BETWEEN 1 AND 255),
          fingerprint  bytea NOT NULL,
          answer       jsonb,
          created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
          PRIMARY KEY (account_id, key)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE outbox (
          event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          name        text NOT NULL,
          entity_id   uuid NOT NULL,
          facts       jsonb NOT NULL,
          request_id  text,
          created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
          done_at     timestamptz
        )
        """
    )
    op.execute("CREATE INDEX outbox_not_done ON outbox (event_id) WHERE done_at IS NULL")
    frozen_sql.execute(revision, "stock_now", "reservation_now", "invariant_violation", "plan_order", "reserve", "expire_due")


def downgrade() -> None:
    op.execute("DROP FUNCTION expire_due, reserve, plan_order")
    op.execute("DROP VIEW invariant_violation, reservation_now, stock_now")
    op.execute("DROP TABLE outbox, idempotency_keys, reservation_lines, reservations")
