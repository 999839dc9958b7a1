"""Stock as PostgreSQL keeps it: a cold row for identity, a hot row for counters and their limits, a ledger."""

from sqlalchemy import (
    Boolean,
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
    column,
    func,
    table,
    text,
)

from services.inventory.stock.model import ON_HAND_MAX, REFERENCE_LENGTH_MAX, Reason
from services.runtime.database import metadata

_REASONS = ", ".join(f"'{reason}'" for reason in Reason)

stock_items = Table(
    "stock_items",
    metadata,
    Column("item_id", Uuid, primary_key=True),
    Column("product_id", Uuid, ForeignKey("products.product_id", name="an_item_is_a_product"), nullable=False),
    Column("warehouse_id", Uuid, ForeignKey("warehouses.warehouse_id", name="an_item_lies_in_a_warehouse"), nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
    UniqueConstraint("product_id", "warehouse_id", name="a_product_has_one_item_in_a_warehouse"),
)

# Serves the levels of a warehouse by item.
Index("stock_items_of_a_warehouse", stock_items.c.warehouse_id, stock_items.c.item_id)

# No foreign key points here and no index mentions a counter: either would cost every reservation its cheap (HOT) update.
stock_levels = Table(
    "stock_levels",
    metadata,
    Column("item_id", Uuid, ForeignKey("stock_items.item_id", name="a_level_belongs_to_an_item"), primary_key=True),
    Column("on_hand", Integer, nullable=False, server_default=text("0")),
    Column("held", Integer, nullable=False, server_default=text("0")),  # open units of reservations in state held
    Column("allocated", Integer, nullable=False, server_default=text("0")),  # and of confirmed ones
    Column("safety_stock", Integer, nullable=False, server_default=text("0")),
    Column("backorder_limit", Integer, nullable=False, server_default=text("0")),
    Column("low_stock_at", Integer, nullable=False, server_default=text("0")),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint(f"on_hand BETWEEN 0 AND {ON_HAND_MAX}", name="on_hand_is_in_range"),
    CheckConstraint("held >= 0", name="held_is_not_negative"),
    CheckConstraint("allocated >= 0", name="allocated_is_not_negative"),
    CheckConstraint(f"safety_stock BETWEEN 0 AND {ON_HAND_MAX}", name="safety_stock_is_in_range"),
    CheckConstraint(f"low_stock_at BETWEEN 0 AND {ON_HAND_MAX}", name="low_stock_at_is_in_range"),
    CheckConstraint(f"backorder_limit BETWEEN 0 AND {ON_HAND_MAX}", name="backorder_limit_is_in_range"),
    # The last word against overselling. Safety stock is not in it: raising it must not fail because units are promised.
    CheckConstraint("held + allocated <= on_hand + backorder_limit", name="promises_do_not_exceed_stock"),
)

stock_movements = Table(
    "stock_movements",
    metadata,
    Column("movement_id", Uuid, primary_key=True),
    Column("item_id", Uuid, ForeignKey("stock_items.item_id", name="a_movement_is_of_an_item"), nullable=False),
    Column("delta", Integer, nullable=False),
    Column("on_hand_after", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("reference", Text),
    Column("actor", Text, nullable=False),
    Column("reservation_id", Uuid, ForeignKey("reservations.reservation_id", name="a_movement_may_be_for_a_reservation")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint("delta <> 0", name="a_movement_moves_something"),
    CheckConstraint("on_hand_after >= 0", name="on_hand_after_is_not_negative"),
    CheckConstraint(f"length(reference) <= {REFERENCE_LENGTH_MAX}", name="a_reference_is_short"),
    CheckConstraint(f"reason IN ({_REASONS})", name="a_reason_is_known"),
)
# Each serves the ledger newest first: all of it or a span of time, of an item, for a reason, for a reference, by an actor.
Index("stock_movements_by_time", stock_movements.c.created_at, stock_movements.c.movement_id)
Index("stock_movements_of_an_item", stock_movements.c.item_id, stock_movements.c.created_at, stock_movements.c.movement_id)
Index("stock_movements_for_a_reason", stock_movements.c.reason, stock_movements.c.created_at, stock_movements.c.movement_id)
Index(
    "stock_movements_for_a_reference",
    stock_movements.c.reference,
    stock_movements.c.created_at,
    stock_movements.c.movement_id,
    postgresql_where=text("reference IS NOT NULL"),
)
Index("stock_movements_by_an_actor", stock_movements.c.actor, stock_movements.c.created_at, stock_movements.c.movement_id)

# Written by the trigger of low_stock.sql.
low_stock = Table(
    "low_stock",
    metadata,
    Column("item_id", Uuid, ForeignKey("stock_items.item_id", name="a_low_item_is_an_item"), primary_key=True),
    Column("status", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint("status IN ('low', 'out')", name="a_stock_status_is_known"),
)

# A view: see stock_now.sql.
stock_now = table(
    "stock_now",
    column("item_id", Uuid),
    column("sku", Text),
    column("warehouse", Text),
    column("on_hand", Integer),
    column("held", Integer),
    column("allocated", Integer),
    column("available", Integer),
    column("safety_stock", Integer),
    column("backorder_limit", Integer),
    column("low_stock_at", Integer),
    column("updated_at", DateTime(timezone=True)),
    column("takes_holds", Boolean),
)
