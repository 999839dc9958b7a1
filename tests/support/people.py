"""People with accounts."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Person:
    account_id: AccountId
    role: Role
    email: str
    password: str
    token: str


class People:
    """Opens accounts past the API, which has no way to make the first one."""

    def __init__(self, ours: OurDatabase, passwords: Passwords, tokens: Tokens) -> None:
        self._ours = ours
        self._passwords = passwords
        self._access = Access(ours, tokens)

    async def join(self, role: Role = Role.CUSTOMER) -> Person:
        name = f"{role}-{uuid.uuid4().hex[:8]}"
        email, password = f"{name}@example.com", f"password of {name}"
        account = await self._ours.transact(
            create_account, email=email, full_name=name, role=role, password_hash=await self._passwords.hash(password)
        )
        caller = Caller(account.account_id, role, SessionId(new_id()))
        token = await self._access.issue(caller, issued_at=account.created_at)
        return Person(account.account_id, role, email, password, token.text)


@pytest_asyncio.fixture
async def people(database: Database) -> AsyncIterator[People]:
    chosen = settings(Where(database_url=database.url))
    async with open_database(chosen, application="tests") as ours:
        with Passwords(chosen) as passwords:
            yield People(ours, passwords, Tokens(chosen))
