"""What accounts tell the rest of the world. No event holds an address, a password or a token."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.inventory.accounts.model import AccountId, SessionId


@dataclass(frozen=True, slots=True)
class AccountRegistered:
    """Somebody wants to open the account; whoever reads its mailbox decides."""

    name: ClassVar[str] = "account.registered"
    account_id: AccountId

    @property
    def entity_id(self) -> UUID:
        return self.account_id


@dataclass(frozen=True, slots=True)
class AccountRegisteredAgain:
    """Somebody wants to open an account that is there already."""

    name: ClassVar[str] = "account.registered_again"
    account_id: AccountId

    @property
    def entity_id(self) -> UUID:
        return self.account_id


@dataclass(frozen=True, slots=True)
class MailWithheld:
    """Somebody asked for a mail to an address that is owed none. Nobody reacts: writing it down makes the answer take as long as any."""

    name: ClassVar[str] = "mail.withheld"
    request: UUID

    @property
    def entity_id(self) -> UUID:
        return self.request


@dataclass(frozen=True, slots=True)
class PasswordForgotten:
    name: ClassVar[str] = "password.forgotten"
    account_id: AccountId

    @property
    def entity_id(self) -> UUID:
        return self.account_id


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    name: ClassVar[str] = "password.changed"
    account_id: AccountId

    @property
    def entity_id(self) -> UUID:
        return self.account_id


@dataclass(frozen=True, slots=True)
class SessionReused:
    """A refresh token was used twice: one of the two who did is a thief."""

    name: ClassVar[str] = "session.reused"
    account_id: AccountId
    session_id: SessionId

    @property
    def entity_id(self) -> UUID:
        return self.session_id
