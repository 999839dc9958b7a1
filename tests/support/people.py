"""People with accounts."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import cycle

import pytest
import pytest_asyncio

from services.inventory.accounts.access import Access
from services.inventory.accounts.commands import create_account
from services.inventory.accounts.model import AccountId, Role, SessionId
from services.inventory.accounts.passwords import Passwords
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.tokens import Tokens
from services.runtime.database import Database as OurDatabase
from services.runtime.database import open_database
from services.runtime.ids import new_id
from tests.support.database import Database
from tests.support.settings import Where, settings

PASSWORDS = [f"password number {number}" for number in range(8)]  # as many people may meet in a test, each with their own
_NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@dataclass(frozen=True, slots=True)
class Person:
    account_id: AccountId
    role: Role
    email: str
    password: str
    token: str


class People:
    """Opens accounts past the API, which has no way to make the first one."""

    def __init__(self, ours: OurDatabase, hashed: Mapping[str, str], tokens: Tokens) -> None:
        self._ours = ours
        self._hashed = cycle(hashed.items())
        self._access = Access(ours, tokens)

    async def join(self, role: Role = Role.CUSTOMER) -> Person:
        name = f"{role}-{uuid.uuid4().hex[:8]}"
        email, (password, password_hash) = f"{name}@example.com", next(self._hashed)
        account = await self._ours.transact(create_account, email=email, full_name=name, role=role, password_hash=password_hash)
        caller = Caller(account.account_id, role, SessionId(new_id()))
        token = await self._access.issue(caller, issued_at=account.created_at)
        return Person(account.account_id, role, email, password, token.text)


@pytest.fixture(scope="session")
def hashed() -> Mapping[str, str]:
    """Passwords and their hashes. Made once: a process that hashes costs more than most tests that have people in them."""
    with Passwords(settings(Where(database_url=_NOWHERE))) as passwords:
        return {password: asyncio.run(passwords.hash(password)) for password in PASSWORDS}


@pytest_asyncio.fixture
async def people(database: Database, hashed: Mapping[str, str]) -> AsyncIterator[People]:
    chosen = settings(Where(database_url=database.url))
    async with open_database(chosen, application="tests") as ours:
        yield People(ours, hashed, Tokens(chosen))
