"""Reservations as PostgreSQL keeps them."""

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, Index, Integer, Table, Text, Uuid, column, func, table, text
from sqlalchemy.dialects.postgresql import JSONB

from services.inventory.reservations.model import EXTERNAL_REF_LENGTH_MAX, HOLD_SECONDS_REMINDED_MIN, State
from services.inventory.stock.model import QUANTITY_MAX
from services.runtime.database import metadata

_STATES = ", ".join(f"'{state}'" for state in State)
_ENDED = ", ".join(f"'{state}'" for state in (State.FULFILLED, State.CANCELLED, State.EXPIRED))

reservations = Table(
    "reservations",
    metadata,
    Column("reservation_id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.account_id", name="a_reservation_has_an_owner"), nullable=False),
    Column("external_ref", Text),
    Column("state", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    Column("close_reason", Text),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    Column("reminded_at", DateTime(timezone=True)),  # when its owner was last told that it is about to end
    CheckConstraint(f"state IN ({_STATES})", name="a_state_is_known"),
    CheckConstraint(f"(state IN ({_ENDED})) = (closed_at IS NOT NULL)", name="an_ended_reservation_has_an_end"),
    CheckConstraint(f"length(external_ref) BETWEEN 1 AND {EXTERNAL_REF_LENGTH_MAX}", name="an_external_ref_is_short"),
)
# Serves expire_due, reserve's look for due holds, and stock_now.
Index("reservations_due", reservations.c.expires_at, postgresql_where=text("state = 'held'"))
# Serves remind_due: holds of five minutes or more that their owner was not reminded of. A reminder, or an end, takes a hold out.
Index(
    "reservations_to_remind",
    reservations.c.expires_at,
    postgresql_where=text(
        f"state = 'held' AND expires_at - coalesce(reminded_at, created_at) >= interval '{HOLD_SECONDS_REMINDED_MIN} seconds'"
    ),
)
# Serves exceeds_quota.
Index("reservations_held_by_account", reservations.c.account_id, postgresql_where=text("state = 'held'"))
Index(
    "one_live_reservation_per_reference",
    reservations.c.account_id,
    reservations.c.external_ref,
    unique=True,
    postgresql_where=text("state IN ('held', 'confirmed')"),
)
# Each serves the list newest first: of an account, in a state, with a reference. A span of time is found by the last: few
# bytes for thousands of rows, and no work when a hold is extended.
Index("reservations_of_an_account", reservations.c.account_id, reservations.c.reservation_id)
Index("reservations_in_a_state", reservations.c.state, reservations.c.reservation_id)
Index(
    "reservations_with_a_reference",
    reservations.c.external_ref,
    reservations.c.reservation_id,
    postgresql_where=text("external_ref IS NOT NULL"),
)
Index("reservations_by_time", reservations.c.created_at, reservations.c.expires_at, postgresql_using="brin")

reservation_lines = Table(
    "reservation_lines",
    metadata,
    Column("reservation_id", Uuid, ForeignKey("reservations.reservation_id", name="a_line_is_of_a_reservation"), primary_key=True),
    # The cold row, not the hot one: a reference to the counters would make every reservation of an item wait for the others.
    Column("item_id", Uuid, ForeignKey("stock_items.item_id", name="a_line_is_for_an_item"), primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("fulfilled", Integer, nullable=False, server_default=text("0")),
    Column("released", Integer, nullable=False, server_default=text("0")),
    CheckConstraint(f"quantity BETWEEN 1 AND {QUANTITY_MAX}", name="a_line_has_1_to_1000000_units"),
    CheckConstraint("fulfilled >= 0", name="fulfilled_is_not_negative"),
    CheckConstraint("released >= 0", name="released_is_not_negative"),
    CheckConstraint("fulfilled + released <= quantity", name="a_line_ends_no_more_than_it_has"),
)
# Serves expire_due for given items, the list of a product's reservations, and the invariants.
Index("reservation_lines_of_an_item", reservation_lines.c.item_id, reservation_lines.c.reservation_id)

# A view: see reservation_now.sql.
reservation_now = table(
    "reservation_now",
    column("reservation_id", Uuid),
    column("account_id", Uuid),
    column("external_ref", Text),
    column("state", Text),
    column("lines", JSONB),
    column("created_at", DateTime(timezone=True)),
    column("expires_at", DateTime(timezone=True)),
    column("confirmed_at", DateTime(timezone=True)),
    column("closed_at", DateTime(timezone=True)),
    column("close_reason", Text),
    column("version", Integer),
    column("metadata", JSONB),
    column("read_at", DateTime(timezone=True)),
)
