"""Accounts, their sessions and what was done with them, as PostgreSQL keeps them."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.inventory.accounts.model import EMAIL_LENGTH_MAX, USER_AGENT_LENGTH_MAX, Outcome, Purpose, Role
from services.runtime.database import metadata


def _one_of(values: type[Role] | type[Purpose] | type[Outcome]) -> str:
    return ", ".join(f"'{value}'" for value in values)


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
    Column("verified_at", DateTime(timezone=True)),  # when the link in the mail was followed; without it nobody signs in
    UniqueConstraint("email", name="an_email_has_one_account"),
    CheckConstraint(f"length(email) BETWEEN 3 AND {EMAIL_LENGTH_MAX} AND email = lower(email)", name="an_email_is_lower_case"),
    CheckConstraint(f"role IN ({_one_of(Role)})", name="a_role_is_known"),
)
# Serves the look for another admin before one is demoted.
Index("accounts_that_administer", accounts.c.account_id, postgresql_where=text("role = 'admin' AND NOT is_disabled"))

# Serves forgetting those that nobody opened in time.
Index("accounts_that_nobody_verified", accounts.c.created_at, postgresql_where=text("verified_at IS NULL AND NOT is_disabled"))
# Serves the look for those who are told what the stock lacks: some among many customers.
Index("accounts_of_staff", accounts.c.account_id, postgresql_where=text("role IN ('staff', 'admin')"))

# A session is a family of refresh tokens: one device that signed in once.
sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.account_id", name="a_session_is_of_an_account"), nullable=False),
    Column("ip", Text),
    Column("user_agent", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("last_used_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("end_reason", Text),
    CheckConstraint(f"length(user_agent) <= {USER_AGENT_LENGTH_MAX}", name="a_user_agent_is_short"),
    CheckConstraint("(ended_at IS NULL) = (end_reason IS NULL)", name="an_ended_session_has_a_reason"),
)
# Serves the list of an account's devices, ending all of them, and deleting an account, which looks for sessions of any kind.
Index("sessions_by_account", sessions.c.account_id, sessions.c.session_id)
# Serves forgetting those that nobody uses any more.
Index("sessions_by_use", sessions.c.last_used_at)

# Every token that a session ever had, by its hash: one that was used before its last is a stolen one.
refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("session_id", Uuid, ForeignKey("sessions.session_id", name="a_refresh_token_is_of_a_session"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("used_at", DateTime(timezone=True)),
    UniqueConstraint("session_id", "number", name="tokens_of_a_session_are_numbered"),
)

# Tokens of mailed links, by their hash. A used one is deleted.
mail_tokens = Table(
    "mail_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.account_id", name="a_mail_token_is_of_an_account"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(f"purpose IN ({_one_of(Purpose)})", name="a_purpose_is_known"),
)
# Serves forgetting the links that a newer one replaces.
Index("mail_tokens_of_an_account", mail_tokens.c.account_id, mail_tokens.c.purpose)
# Serves forgetting links that are over.
Index("mail_tokens_by_end", mail_tokens.c.expires_at)

# Access tokens of a session or an account that were issued up to an instant and are worth nothing since.
revocations = Table(
    "revocations",
    metadata,
    Column("subject_id", Uuid, primary_key=True),
    Column("revoked_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
)
# Serves what each process rereads: the revocations that it does not know yet.
Index("revocations_by_time", revocations.c.revoked_at)

# Names and instants only: a key is derived from the secret in the settings and its name.
signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    CheckConstraint("length(kid) BETWEEN 1 AND 64", name="a_kid_is_short"),
)

# No foreign keys: the trail outlives what it is about.
audit_events = Table(
    "audit_events",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("action", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("subject_id", Uuid),
    Column("ip", Text),
    Column("request_id", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint(f"outcome IN ({_one_of(Outcome)})", name="an_outcome_is_known"),
)
# Each serves the trail newest first: all of it, of an actor, of an action.
Index("audit_events_by_time", audit_events.c.created_at, audit_events.c.event_id)
Index(
    "audit_events_of_an_actor",
    audit_events.c.actor_id,
    audit_events.c.created_at,
    audit_events.c.event_id,
    postgresql_where=text("actor_id IS NOT NULL"),
)
Index("audit_events_of_an_action", audit_events.c.action, audit_events.c.created_at, audit_events.c.event_id)
