"""Without these, whoever found an open session takes the account, or its owner cannot take it back."""

import asyncio
from functools import partial

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts import commands
from services.inventory.accounts.model import Origin
from services.runtime.database import Database as OurDatabase
from tests.support.api import Client, open_api
from tests.support.database import Database
from tests.support.eventually import eventually, until_blocked
from tests.support.members import bearer, change, refresh, sign_in
from tests.support.people import People, Person
from tests.support.post import PUBLIC_URL, Post, text_of
from tests.support.problems import assert_fault, assert_problem

NEW = "a lantern on a hill"


async def test_who_changes_a_password_stays_signed_in_and_is_signed_out_elsewhere(nobody: Client, people: People, post: Post) -> None:
    person = await people.join()
    here, elsewhere = [await sign_in(nobody, person.email, person.password) for _ in range(2)]

    answer = await change(nobody, person.password, NEW, **bearer(here))
    [told] = await post.goes_out()

    assert answer.status_code == 204
    assert_problem(await refresh(nobody, elsewhere.json()["refresh_token"]), 401, "unauthenticated")
    await eventually(partial(is_refused, nobody, elsewhere), within_seconds=5)
    assert (await nobody.http.get("/v1/me", headers=bearer(here))).status_code == 200
    assert (await refresh(nobody, here.json()["refresh_token"])).status_code == 200
    assert (await sign_in(nobody, person.email, NEW)).status_code == 200
    assert_problem(await sign_in(nobody, person.email, person.password), 401, "unauthenticated")
    assert told["Subject"] == "Your password was changed"
    assert f"{PUBLIC_URL}/account/forgot-password" in text_of(told)


async def is_refused(client: Client, signed_in: httpx.Response) -> bool:
    return (await client.http.get("/v1/me", headers=bearer(signed_in))).status_code == 401


async def test_who_does_not_know_the_password_does_not_change_it(customer: Client, post: Post, database: Database) -> None:
    assert customer.person
    before = await database.rows("SELECT * FROM accounts")

    answer = await change(customer, "hunter2", NEW)

    assert assert_fault(answer, "/current_password") == "is not your password"
    assert "hunter2" not in answer.text
    assert await database.rows("SELECT * FROM accounts") == before
    assert await post.goes_out() == []
    trail = "SELECT outcome, actor_id FROM audit_events WHERE action = 'password.change'"
    assert await database.rows(trail) == [("failure", customer.person.account_id)]


async def test_a_common_password_is_refused_before_the_old_one_is_checked(unplugged: Client) -> None:
    for weak in ("password1", "12345678", "Qwertyuiop"):
        answer = await change(unplugged, "hunter2", weak)

        assert "everybody tries first" in assert_fault(answer, "/new_password")
        assert weak not in answer.text


async def test_a_change_that_was_on_its_way_does_not_undo_a_reset(
    nobody: Client, people: People, ours: OurDatabase, database: Database
) -> None:
    """A thief who knew the old password sends a change while the owner takes the account back."""
    person = await people.join()
    thief = await sign_in(nobody, person.email, person.password)
    may_commit = asyncio.Event()
    taking_back = asyncio.create_task(ours.transact(_take_back, person, may_commit))
    await eventually(partial(_holds_the_account, database, person), within_seconds=5)
    stealing = asyncio.create_task(change(nobody, person.password, "a thief in the night", **bearer(thief)))
    await until_blocked(database)
    may_commit.set()
    await taking_back

    assert_fault(await stealing, "/current_password")
    assert_problem(await sign_in(nobody, person.email, "a thief in the night"), 401, "unauthenticated")


async def _take_back(connection: AsyncConnection, person: Person, may_commit: asyncio.Event) -> None:
    await commands.set_password(connection, person.account_id, password_hash="another", origin=Origin())
    await may_commit.wait()


async def _holds_the_account(database: Database, person: Person) -> bool:
    free = "SELECT 1 FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE SKIP LOCKED"
    return await database.rows(free, person.account_id) == []


async def test_a_hash_is_made_anew_at_the_next_sign_in_once_the_cost_has_changed(people: People, database: Database) -> None:
    person, other = await people.join(), await people.join()

    async with open_api(database, people, bcrypt_cost="5") as api:
        nobody = await api.client()
        assert_problem(await sign_in(nobody, other.email, "hunter2"), 401, "unauthenticated")
        assert (await sign_in(nobody, person.email, person.password)).status_code == 200
        assert (await sign_in(nobody, person.email, person.password)).status_code == 200

    costs = await database.rows("SELECT email, left(password_hash, 7) FROM accounts ORDER BY created_at")
    assert costs == [(person.email, "$2b$05$"), (other.email, "$2b$04$")]
