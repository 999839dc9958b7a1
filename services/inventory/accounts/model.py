"""Facts and rules about accounts and their sessions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

AccountId = NewType("AccountId", UUID)
SessionId = NewType("SessionId", UUID)

PASSWORD_LENGTH_MIN = 8
PASSWORD_LENGTH_MAX = 1_024  # long enough for any sentence, short enough to hash at once
EMAIL_LENGTH_MAX = 254  # RFC 5321
FULL_NAME_LENGTH_MAX = 200
USER_AGENT_LENGTH_MAX = 300

ACCESS_SECONDS = 900
SESSION_IDLE_SECONDS = 30 * 86_400
SESSION_SECONDS_MAX = 90 * 86_400
REUSE_GRACE_SECONDS = 10  # an answer that was lost on its way is asked for again within seconds
MAIL_TOKEN_SECONDS = 1_800


class Role(StrEnum):
    CUSTOMER = "customer"
    STAFF = "staff"
    ADMIN = "admin"


class Purpose(StrEnum):
    """What a mailed link is good for."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"


class Action(StrEnum):
    """What the audit trail tells of."""

    REGISTER = "account.register"
    CREATE = "account.create"
    VERIFY_EMAIL = "account.verify_email"
    CHANGE_ROLE = "account.change_role"
    DISABLE = "account.disable"
    ENABLE = "account.enable"
    SIGN_IN = "session.sign_in"
    REFRESH = "session.refresh"
    REUSE = "session.reuse"
    END = "session.end"
    END_ALL = "session.end_all"
    FORGET_PASSWORD = "password.forget"
    RESET_PASSWORD = "password.reset"
    CHANGE_PASSWORD = "password.change"
    ACT = "permission.use"  # only when it was denied
    ROTATE_KEYS = "keys.rotate"
    REPLAY_DEAD_LETTER = "dead_letter.replay"
    DISCARD_DEAD_LETTER = "dead_letter.discard"


class EndReason(StrEnum):
    """Why a session ended."""

    LOGOUT = "logout"
    LOGOUT_ALL = "logout_all"
    ENDED_BY_OWNER = "ended_by_owner"
    REUSE = "reuse"
    PASSWORD = "password"
    DISABLED = "disabled"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Account:
    account_id: AccountId
    email: str
    full_name: str
    role: Role
    is_disabled: bool
    created_at: datetime
    verified_at: datetime | None  # without it nobody signs in

    @property
    def may_sign_in(self) -> bool:
        return self.verified_at is not None and not self.is_disabled


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as far as we can tell."""

    ip: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    session_id: SessionId
    account_id: AccountId
    ip: str | None
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the trail, as it is written."""

    action: Action
    outcome: Outcome
    actor_id: AccountId | None = None
    subject_id: UUID | None = None
    ip: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)  # never an address, a password or a token


_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})+")


def is_email(text: str) -> bool:
    """Whether a mail can be sent there: RFC 5321 without quotes and comments, in which two programs read two addresses.

    Whether somebody reads it, only a mail can tell.
    """
    return len(text) <= EMAIL_LENGTH_MAX and _EMAIL.fullmatch(text) is not None


def normalise_email(email: str) -> str:
    """The form in which an address is stored and looked up: people do not remember how they capitalised it."""
    return email.strip().lower()
