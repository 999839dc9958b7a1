"""Products and warehouses as PostgreSQL keeps them."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Integer, Table, Text, UniqueConstraint, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB

from services.inventory.catalog.model import CODE_LENGTH_MAX, Status
from services.runtime.database import metadata

_STATUSES = ", ".join(f"'{status}'" for status in Status)

products = Table(
    "products",
    metadata,
    Column("product_id", Uuid, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("category", Text),
    Column("attributes", JSONB, nullable=False, server_default=text("'{}'")),
    Column("price_minor", BigInteger),
    Column("currency", Text),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("version", Integer, nullable=False, server_default=text("1")),
    UniqueConstraint("sku", name="a_sku_names_one_product"),
    CheckConstraint(f"length(sku) BETWEEN 1 AND {CODE_LENGTH_MAX}", name="a_sku_has_1_to_200_characters"),
    CheckConstraint("price_minor >= 0", name="a_price_is_not_negative"),
    CheckConstraint("(price_minor IS NULL) = (currency IS NULL)", name="a_price_has_a_currency"),
    CheckConstraint(f"status IN ({_STATUSES})", name="a_product_status_is_known"),
)

warehouses = Table(
    "warehouses",
    metadata,
    Column("warehouse_id", Uuid, primary_key=True),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'active'")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("version", Integer, nullable=False, server_default=text("1")),
    UniqueConstraint("code", name="a_code_names_one_warehouse"),
    CheckConstraint(f"length(code) BETWEEN 1 AND {CODE_LENGTH_MAX}", name="a_code_has_1_to_200_characters"),
    CheckConstraint("priority >= 0", name="a_priority_is_not_negative"),
    CheckConstraint(f"status IN ({_STATUSES})", name="a_warehouse_status_is_known"),
)
