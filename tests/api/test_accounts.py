"""Without these, somebody promotes themselves, or the last who could let others in is gone."""

from functools import partial
from uuid import UUID

import httpx

from tests.support.api import Client
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.members import NAME, bearer, refresh, register, sign_in
from tests.support.people import People, Person
from tests.support.problems import assert_fault, assert_problem

_MEMBERS = {"id", "email", "full_name", "role", "disabled", "created_at", "verified_at"}


async def patch(client: Client, person: Person, **body: object) -> httpx.Response:
    return await client.http.patch(f"/v1/accounts/{person.account_id}", json=body)


async def trail(database: Database) -> list[tuple[object, ...]]:
    columns = "action, outcome, actor_id, subject_id, details::text"
    return await database.rows(f"SELECT {columns} FROM audit_events WHERE action LIKE 'account.%' AND action <> 'account.create'")  # noqa: S608


def person_of(client: Client) -> Person:
    assert client.person
    return client.person


async def test_people_read_and_rename_themselves(customer: Client) -> None:
    person = person_of(customer)

    renamed = await customer.http.patch("/v1/me", json={"full_name": "  Zoë Ünlü "})
    own = await customer.http.get("/v1/me")

    assert renamed.json() == own.json()
    assert own.json().keys() == _MEMBERS
    assert (own.json()["id"], own.json()["full_name"], own.json()["email"]) == (str(person.account_id), "Zoë Ünlü", person.email)


async def test_people_change_nothing_else_about_themselves(unplugged: Client) -> None:
    for more in ({"role": "admin"}, {"disabled": False}, {"email": "eve@example.com"}, {"verified_at": None}):
        answer = await unplugged.http.patch("/v1/me", json={"full_name": "x", **more})

        assert_fault(answer, f"/{next(iter(more))}")
    for body in ({}, {"full_name": " "}, {"full_name": "x" * 201}, {"full_name": "a\0b"}, {"full_name": None}):
        assert_fault(await unplugged.http.patch("/v1/me", json=body), "/full_name")


async def test_the_admin_pages_and_filters_accounts(admin: Client, people: People) -> None:
    joined = [person_of(admin), *[await people.join() for _ in range(4)]]

    first = (await admin.http.get("/v1/accounts", params={"limit": 3})).json()
    second = (await admin.http.get("/v1/accounts", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    admins = (await admin.http.get("/v1/accounts", params={"role": "admin"})).json()
    one = (await admin.http.get("/v1/accounts", params={"email": joined[2].email.upper()})).json()
    none = (await admin.http.get("/v1/accounts", params={"email": "nobody@example.com"})).json()

    assert [item["id"] for page in (first, second) for item in page["items"]] == [str(person.account_id) for person in joined]
    assert second["next_cursor"] is None
    assert [item["id"] for item in admins["items"]] == [str(joined[0].account_id)]
    assert [item["email"] for item in one["items"]] == [joined[2].email]
    assert none["items"] == []
    assert {frozenset(item) for item in first["items"]} == {frozenset(_MEMBERS)}
    assert (await admin.http.get(f"/v1/accounts/{joined[2].account_id}")).json() == one["items"][0]


async def test_an_account_that_is_not_there_is_not_found(admin: Client) -> None:
    path = f"/v1/accounts/{UUID(int=0)}"

    assert_problem(await admin.http.get(path), 404, "not_found")
    assert_problem(await admin.http.patch(path, json={"role": "staff"}), 404, "not_found")


async def test_another_role_counts_within_a_second_and_after_the_next_refresh(
    admin: Client, nobody: Client, people: People, database: Database
) -> None:
    person = await people.join()
    signed_in = await sign_in(nobody, person.email, person.password)

    changed = await patch(admin, person, role="staff")

    assert (changed.status_code, changed.json()["role"]) == (200, "staff")
    await eventually(partial(_is_refused, nobody, signed_in), within_seconds=5)
    renewed = await refresh(nobody, signed_in.json()["refresh_token"])
    assert (await nobody.http.get("/v1/stock", headers=bearer(renewed))).status_code == 200
    assert await trail(database) == [
        ("account.change_role", "success", person_of(admin).account_id, person.account_id, '{"to": "staff", "from": "customer"}')
    ]


async def test_a_shut_account_is_signed_out_and_stays_out_until_it_is_opened_again(
    admin: Client, nobody: Client, people: People, database: Database
) -> None:
    person = await people.join()
    signed_in = await sign_in(nobody, person.email, person.password)

    assert (await patch(admin, person, disabled=True)).json()["disabled"] is True
    await eventually(partial(_is_refused, nobody, signed_in), within_seconds=5)
    while_shut = [await refresh(nobody, signed_in.json()["refresh_token"]), await sign_in(nobody, person.email, person.password)]
    assert (await patch(admin, person, disabled=False)).json()["disabled"] is False

    for answer in (*while_shut, await refresh(nobody, signed_in.json()["refresh_token"])):
        assert_problem(answer, 401, "unauthenticated")
    assert (await sign_in(nobody, person.email, person.password)).status_code == 200
    assert [action for action, *_ in await trail(database)] == ["account.disable", "account.enable"]


async def _is_refused(client: Client, signed_in: httpx.Response) -> bool:
    return (await client.http.get("/v1/me", headers=bearer(signed_in))).status_code == 401


async def test_what_changes_nothing_tells_nothing_and_signs_nobody_out(admin: Client, customer: Client, database: Database) -> None:
    for body in ({}, {"role": None}, {"role": "customer", "disabled": False}):
        assert (await patch(admin, person_of(customer), **body)).status_code == 200

    assert await trail(database) == []
    assert await database.rows("SELECT * FROM revocations") == []


async def test_the_admin_changes_nothing_else_about_others(admin: Client) -> None:
    wrong = [("role", "root"), ("disabled", "true"), ("disabled", 1), ("email", "a@b.cd"), ("password_hash", "x"), ("full_name", "Eve")]
    for member, value in wrong:
        assert_fault(await patch(admin, person_of(admin), **{member: value}), f"/{member}")


async def test_the_last_admin_stays(admin: Client, people: People, nobody: Client, database: Database) -> None:
    """One that is shut and one that was never verified are none."""
    shut = await people.join()
    await patch(admin, shut, role="admin", disabled=True)
    await register(nobody, "unverified@example.com")
    await database.do("UPDATE accounts SET role = 'admin' WHERE full_name = $1", NAME)
    before = await database.rows("SELECT * FROM accounts ORDER BY email"), await trail(database)

    for body in ({"role": "customer"}, {"role": "staff"}, {"disabled": True}, {"role": "staff", "disabled": True}):
        assert_problem(await patch(admin, person_of(admin), **body), 409, "last_admin")

    assert (await database.rows("SELECT * FROM accounts ORDER BY email"), await trail(database)) == before
