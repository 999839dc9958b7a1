"""Notifications as PostgreSQL keeps them."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.inventory.notifications.model import FAILURES_MAX, HISTORY_MAX, DeadLetterState, NotificationState
from services.runtime.database import metadata


def _one_of(values: type[NotificationState] | type[DeadLetterState]) -> str:
    return ", ".join(f"'{value}'" for value in values)


notifications = Table(
    "notifications",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("event_id", BigInteger, nullable=False),  # no foreign key: handled events may be deleted, notifications stay
    Column("kind", Text, nullable=False),
    Column("account_id", Uuid, ForeignKey("accounts.account_id", name="a_notification_is_for_an_account"), nullable=False),
    Column("reservation_id", Uuid, ForeignKey("reservations.reservation_id", name="a_notification_is_about_a_reservation")),
    Column("state", Text, nullable=False, server_default=text("'queued'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("last_error", Text),
    Column("request_id", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    # When to publish it, if it is not sent by then: the lease of whoever has it now.
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("sent_at", DateTime(timezone=True)),
    Column("failures", Integer, nullable=False, server_default=text("0")),  # attempts that count, since it was last replayed
    # The last attempts that did not send, as {at, error}. Nobody searches them and no rule is built on them: they are written with
    # the row, read with it and deleted with it.
    Column("history", JSONB, nullable=False, server_default=text("'[]'")),
    # What became of it since it last died; null if it never did.
    Column("dead_letter_state", Text),
    Column("died_at", DateTime(timezone=True)),
    Column("death_reason", Text),
    Column("facts", JSONB(none_as_null=True)),  # what the mail tells that no other row keeps
    UniqueConstraint("event_id", "account_id", name="an_event_is_told_once"),  # to each who hears of it
    CheckConstraint(f"state IN ({_one_of(NotificationState)})", name="a_notification_state_is_known"),
    CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="a_sent_notification_has_a_time"),
    CheckConstraint(
        f"failures BETWEEN 0 AND {FAILURES_MAX - 1} OR failures = {FAILURES_MAX} AND state = 'dead'", name="a_fifth_failure_is_the_last"
    ),
    CheckConstraint(f"jsonb_array_length(history) <= {HISTORY_MAX}", name="a_history_is_short"),
    CheckConstraint(f"dead_letter_state IN ({_one_of(DeadLetterState)})", name="a_dead_letter_state_is_known"),
    CheckConstraint(
        "(dead_letter_state IS NULL) = (died_at IS NULL) AND (dead_letter_state IS NULL) = (death_reason IS NULL)",
        name="a_dead_letter_has_a_time_and_a_reason",
    ),
    CheckConstraint(
        "(state = 'dead') = (dead_letter_state IS NOT NULL AND dead_letter_state <> 'replayed')",
        name="a_dead_notification_is_a_dead_letter",
    ),
    # So that no relay publishes it, not even one of a release that does not know this state.
    CheckConstraint("(state = 'dead') = (due_at = 'infinity')", name="a_dead_notification_is_never_due"),
)
# Serves `lease_due`.
Index("notifications_due", notifications.c.due_at, postgresql_where=text("state <> 'sent'"))
# Each serves the list, newest first: of an account, about a reservation, of a kind, in a state. The first also serves
# forgetting an account that nobody opened, the last `lock_silent`.
Index("notifications_of_an_account", notifications.c.account_id, notifications.c.notification_id)
Index(
    "notifications_about_a_reservation",
    notifications.c.reservation_id,
    notifications.c.notification_id,
    postgresql_where=text("reservation_id IS NOT NULL"),
)
Index("notifications_of_a_kind", notifications.c.kind, notifications.c.notification_id)
Index("notifications_in_a_state", notifications.c.state, notifications.c.notification_id, postgresql_where=text("state <> 'sent'"))
# Serves forgetting what was sent long ago.
Index("notifications_by_age", notifications.c.sent_at, postgresql_where=text("sent_at IS NOT NULL"))
# Serves the list of dead letters, newest first.
Index(
    "dead_letters_by_time",
    notifications.c.dead_letter_state,
    notifications.c.died_at,
    notifications.c.notification_id,
    postgresql_where=text("dead_letter_state IS NOT NULL"),
)

# Crossings of the stock that the staff have not been told of yet. Those that they have are in the facts of notifications.
crossings = Table(
    "crossings",
    metadata,
    Column("event_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("item_id", Uuid, ForeignKey("stock_items.item_id", name="a_crossing_is_of_an_item"), nullable=False),
    Column("available", Integer, nullable=False),
    Column("crossed_at", DateTime(timezone=True), nullable=False),
)
