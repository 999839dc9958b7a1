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

from services.inventory.notifications.model import State
from services.runtime.database import metadata

_STATES = ", ".join(f"'{state}'" for state in State)

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
    UniqueConstraint("event_id", name="an_event_is_told_once"),
    CheckConstraint(f"state IN ({_STATES})", name="a_notification_state_is_known"),
    CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="a_sent_notification_has_a_time"),
)
# Serves `lease_due`.
Index("notifications_due", notifications.c.due_at, postgresql_where=text("state <> 'sent'"))
# Serves forgetting an account that nobody opened.
Index("notifications_of_an_account", notifications.c.account_id)
