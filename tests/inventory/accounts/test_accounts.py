"""Without these, one address has two accounts, or somebody signs in with a password that was replaced."""

import pytest

from services.inventory.accounts import commands, store
from services.inventory.accounts.errors import EmailTaken, NotSignedIn
from services.inventory.accounts.model import AccountId, Role, normalise_email
from services.inventory.accounts.passwords import Passwords
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
    with Passwords(settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none"))) as passwords:
        await ours.transact(commands.set_password, person.account_id, password_hash=await passwords.hash("new"))

        caller = await commands.sign_in(ours, passwords, email=person.email, password="new")
        with pytest.raises(NotSignedIn):
            await commands.sign_in(ours, passwords, email=person.email, password=person.password)

        assert (caller.account_id, caller.role) == (person.account_id, Role.CUSTOMER)
        other = await commands.sign_in(ours, passwords, email=bystander.email, password=bystander.password)
        assert other.account_id == bystander.account_id
