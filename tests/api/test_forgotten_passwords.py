"""Without these, a mailbox is asked for a password and hands over an account, or a thief stays in after it was taken back."""

from functools import partial

import pytest

from tests.support.api import Api, Client
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.members import bearer, change, forget, refresh, register, reset, sign_in
from tests.support.people import People, Person
from tests.support.post import PUBLIC_URL, Post, text_of, token_in
from tests.support.problems import assert_fault, assert_problem
from tests.support.statements import statements
from tests.support.together import together

NEW = "a lantern on a hill"


async def forgetful(client: Client, people: People, post: Post) -> tuple[Person, str]:
    """Somebody who forgot their password, and the token that they were mailed."""
    person = await people.join()
    assert (await forget(client, person.email.upper())).status_code == 202
    [mail] = await post.goes_out()
    return person, token_in(mail)


async def is_signed_out(client: Client, headers: dict[str, str]) -> bool:
    return (await client.http.get("/v1/me", headers=headers)).status_code == 401


async def test_who_reads_the_mail_chooses_another_password_and_every_session_ends(
    nobody: Client, people: People, post: Post, database: Database
) -> None:
    person = await people.join()
    thief = await sign_in(nobody, person.email, person.password)

    await forget(nobody, person.email, Host="evil.example")
    [mail] = await post.goes_out()
    answer = await reset(nobody, token_in(mail), NEW)
    [told] = await post.goes_out()

    assert answer.status_code == 204
    assert f"{PUBLIC_URL}/account/reset-password#token=" in text_of(mail)
    assert "evil" not in mail.as_string()
    assert_problem(await refresh(nobody, thief.json()["refresh_token"]), 401, "unauthenticated")
    await eventually(partial(is_signed_out, nobody, bearer(thief)), within_seconds=5)
    assert_problem(await sign_in(nobody, person.email, person.password), 401, "unauthenticated")
    assert (await sign_in(nobody, person.email, NEW)).status_code == 200
    assert (told["Subject"], told["To"].addresses[0].addr_spec) == ("Your password was changed", person.email)
    assert f"{PUBLIC_URL}/account/forgot-password" in text_of(told)
    trail = "SELECT outcome, actor_id = subject_id FROM audit_events WHERE action = 'password.reset'"
    assert await database.rows(trail) == [("success", True)]


async def test_one_answer_at_one_price_and_a_mail_to_nobody_but_a_member(
    nobody: Client, people: People, post: Post, database: Database
) -> None:
    member, disabled = await people.join(), await people.join()
    await database.do("UPDATE accounts SET is_disabled = true WHERE email = $1", disabled.email)
    await register(nobody, "unverified@example.com")
    await post.goes_out()

    answers, costs = [], []
    for email in ("nobody@example.com", "unverified@example.com", disabled.email, member.email):
        with statements() as executed:
            answers.append(await forget(nobody, email))
        costs.append([statement.split()[0] for statement in executed])
    mails = await post.goes_out()

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert costs == [["SELECT", "INSERT", "INSERT"]] * 4
    assert [(mail["Subject"], mail["To"].addresses[0].addr_spec) for mail in mails] == [("Choose another password", member.email)]


async def test_of_two_who_use_one_link_at_once_one_chooses_the_password(
    nobody: Client, people: People, post: Post, database: Database
) -> None:
    person, token = await forgetful(nobody, people, post)
    chosen = [f"{NEW} {number}" for number in range(4)]

    answers = await together(*(reset(nobody, token, password) for password in chosen))

    assert sorted(answer.status_code for answer in answers) == [204, 422, 422, 422]
    for answer, password in zip(answers, chosen, strict=True):
        assert (await sign_in(nobody, person.email, password)).is_success == answer.is_success
    assert await database.rows("SELECT count(*) FROM audit_events WHERE action = 'password.reset'") == [(1,)]
    assert_problem(await reset(nobody, token, NEW), 422, "token_invalid")


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE mail_tokens SET expires_at = clock_timestamp() - interval '1 ms'",
        "UPDATE mail_tokens SET purpose = 'verify_email'",
        "UPDATE accounts SET is_disabled = true",
    ],
)
async def test_a_link_that_is_over_or_for_something_else_changes_no_password(
    nobody: Client, people: People, post: Post, database: Database, spoil: str
) -> None:
    _, token = await forgetful(nobody, people, post)
    await database.do(spoil)
    before = await database.rows("SELECT * FROM accounts")

    answer = await reset(nobody, token, NEW)

    assert_problem(answer, 422, "token_invalid")
    assert token not in answer.text
    assert NEW not in answer.text
    assert await database.rows("SELECT * FROM accounts") == before


async def test_a_weak_password_does_not_use_the_link_up(nobody: Client, people: People, post: Post) -> None:
    person, token = await forgetful(nobody, people, post)

    assert "everybody tries first" in assert_fault(await reset(nobody, token, "password1"), "/new_password")
    assert (await reset(nobody, token, NEW)).status_code == 204
    assert (await sign_in(nobody, person.email, NEW)).status_code == 200


async def test_a_password_that_was_changed_makes_links_that_were_mailed_before_worthless(api: Api, people: People, post: Post) -> None:
    nobody = await api.client()
    person, token = await forgetful(nobody, people, post)
    signed_in = await sign_in(nobody, person.email, person.password)

    assert (await change(nobody, person.password, NEW, **bearer(signed_in))).status_code == 204

    assert_problem(await reset(nobody, token, NEW), 422, "token_invalid")
