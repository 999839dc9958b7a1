"""Accounts as PostgreSQL keeps them."""

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Table, Text, UniqueConstraint, Uuid, func, text

from services.inventory.accounts.model import EMAIL_LENGTH_MAX, Role
from services.runtime.database import metadata

_ROLES = ", ".join(f"'{role}'" for role in Role)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Uuid, primary_key=True),
    Column("email", Text, nullable=False),
    Column("full_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("is_disabled", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    UniqueConstraint("email", name="an_email_has_one_account"),
    CheckConstraint(f"length(email) BETWEEN 3 AND {EMAIL_LENGTH_MAX} AND email = lower(email)", name="an_email_is_lower_case"),
    CheckConstraint(f"role IN ({_ROLES})", name="a_role_is_known"),
)
