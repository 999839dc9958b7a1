"""Without these, one address has two accounts, or somebody signs in with a password that was replaced."""

import pytest

from services.inventory.accounts import commands, sessions, store
from services.inventory.accounts.errors import EmailTaken, NotSignedIn
from services.inventory.accounts.model import AccountId, Origin, Role, normalise_email
from services.inventory.accounts.passwords import Passwords
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.sessions import RefreshTokens
from services.runtime.database import Database as OurDatabase
from tests.support.database import Database
from tests.support.people import People
from tests.support.settings import Where, settings


@pytest.mark.parametrize("typed", ["me@example.com", "ME@Example.COM", "  me@example.com\n"])
def test_an_address_has_one_form(typed: str) -> None:
    assert normalise_email(typed) == "me@example.com"


async def test_an_address_has_one_account(ours: OurDatabase, database: Database) -> None:
    async def join(email: str) -> AccountId:
        account = await ours.transact(commands.create_account, email=email, full_name="Me", role=Role.CUSTOMER, password_hash="x")
        return account.account_id

    account_id = await join("me@example.com")
    with pytest.raises(EmailTaken):
        await join("ME@example.com ")

    found = await ours.autocommit(store.get, account_id)
    assert (found.email, found.full_name, found.role, found.is_disabled) == ("me@example.com", "Me", Role.CUSTOMER, False)
    assert await database.rows("SELECT email FROM accounts") == [("me@example.com",)]


async def test_a_replaced_password_lets_nobody_in(ours: OurDatabase, people: People) -> None:
    person, bystander = await people.join(), await people.join()
    chosen = settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none"))
    with Passwords(chosen) as passwords:

        async def admit(**_: bool) -> None:
            """As often as they like."""

        async def sign_in(email: str, password: str) -> Caller:
            parts = (ours, passwords, RefreshTokens(chosen))
            return (await sessions.sign_in(*parts, email=email, password=password, origin=Origin(), admit=admit)).caller

        password_hash = await passwords.hash("new")
        await ours.transact(commands.set_password, person.account_id, password_hash=password_hash, origin=Origin())

        caller = await sign_in(person.email, "new")
        with pytest.raises(NotSignedIn):
            await sign_in(person.email, person.password)

        assert (caller.account_id, caller.role) == (person.account_id, Role.CUSTOMER)
        assert (await sign_in(bystander.email, bystander.password)).account_id == bystander.account_id
