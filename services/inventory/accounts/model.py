"""Facts and rules about an account."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType
from uuid import UUID

AccountId = NewType("AccountId", UUID)

PASSWORD_LENGTH_MAX = 1_024  # long enough for any sentence, short enough to hash at once
EMAIL_LENGTH_MAX = 254  # RFC 5321


class Role(StrEnum):
    CUSTOMER = "customer"
    STAFF = "staff"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Account:
    account_id: AccountId
    email: str
    full_name: str
    role: Role
    is_disabled: bool


def normalise_email(email: str) -> str:
    """The form in which an address is stored and looked up: people do not remember how they capitalised it."""
    return email.strip().lower()
