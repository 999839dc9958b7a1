"""Without these, somebody opens an account at another's address, or learns who has one."""

import json

import pytest

from tests.support.api import Client
from tests.support.database import Database
from tests.support.members import NAME, PASSWORD, register, sign_in, verify
from tests.support.people import People
from tests.support.post import PUBLIC_URL, Post, text_of, token_in
from tests.support.problems import assert_fault, assert_problem
from tests.support.statements import statements
from tests.support.together import together

EMAIL = "ann@example.com"
OTHER = "a lantern on a hill"


async def test_who_reads_the_mail_opens_the_account_and_signs_in(nobody: Client, post: Post, database: Database) -> None:
    asked = await register(nobody, " Ann@Example.COM ")
    before = await sign_in(nobody, EMAIL)
    [mail] = await post.goes_out()
    opened = await verify(nobody, token_in(mail))
    signed_in = await sign_in(nobody, EMAIL)

    assert (asked.status_code, opened.status_code, signed_in.status_code) == (202, 204, 200)
    assert_problem(before, 401, "unauthenticated")
    assert (mail["To"], mail["Subject"]) == (EMAIL, "Open your account")
    assert f"{PUBLIC_URL}/account/verify-email#token=" in text_of(mail)
    own = await nobody.http.get("/v1/me", headers={"Authorization": f"Bearer {signed_in.json()['access_token']}"})
    assert own.json().items() >= {"email": EMAIL, "full_name": NAME, "role": "customer", "disabled": False}.items()
    trail = await database.rows("SELECT action, outcome FROM audit_events ORDER BY created_at")
    assert trail == [
        ("account.register", "success"),
        ("session.sign_in", "failure"),
        ("account.verify_email", "success"),
        ("session.sign_in", "success"),
    ]


async def test_one_answer_at_one_price_whatever_is_known_of_an_address(nobody: Client, people: People, database: Database) -> None:
    member, disabled, both = (await people.join()).email, (await people.join()).email, "both@example.com"
    await register(nobody, "unverified@example.com")
    await register(nobody, both)
    await database.do("UPDATE accounts SET is_disabled = true WHERE email IN ($1, $2)", disabled, both)

    answers, costs = [], []
    for email in (EMAIL, "unverified@example.com", member, disabled, both):
        with statements() as executed:
            answers.append(await register(nobody, email))
        costs.append((len(executed), sum(statement.startswith("INSERT") for statement in executed)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len({frozenset(answer.headers.keys()) for answer in answers}) == 1
    assert set(costs) == {(4, 3)}


async def test_who_registers_an_unverified_address_again_takes_its_place(nobody: Client, post: Post, database: Database) -> None:
    await register(nobody, EMAIL, OTHER, "Eve")
    [first] = await post.goes_out()
    await register(nobody, EMAIL)
    [second] = await post.goes_out()

    assert_problem(await verify(nobody, token_in(first)), 422, "token_invalid")
    assert (await verify(nobody, token_in(second))).status_code == 204
    assert_problem(await sign_in(nobody, EMAIL, OTHER), 401, "unauthenticated")
    assert (await sign_in(nobody, EMAIL)).status_code == 200
    assert await database.rows("SELECT full_name FROM accounts") == [(NAME,)]


async def test_who_registers_the_address_of_an_account_changes_nothing_and_its_owner_hears_of_it(
    nobody: Client, people: People, post: Post, database: Database
) -> None:
    owner = await people.join()
    before = await database.rows("SELECT * FROM accounts")

    await register(nobody, owner.email, OTHER, "Eve")
    [mail] = await post.goes_out()

    assert await database.rows("SELECT * FROM accounts") == before
    assert await database.rows("SELECT * FROM mail_tokens") == []
    assert mail["Subject"] == "You have an account already"
    assert f"{PUBLIC_URL}/account/forgot-password" in text_of(mail)
    assert "Eve" not in mail.as_string()
    assert (await sign_in(nobody, owner.email, owner.password)).status_code == 200


async def test_nobody_hears_of_a_registration_at_an_account_that_is_shut(
    nobody: Client, people: People, post: Post, database: Database
) -> None:
    owner = await people.join()
    await database.do("UPDATE accounts SET is_disabled = true")

    await register(nobody, owner.email)

    assert await post.goes_out() == []


async def test_a_form_sends_nobody_words_of_somebody_elses_choice(nobody: Client, post: Post) -> None:
    await register(nobody, EMAIL, full_name="you won: https://evil.example/")

    [mail] = await post.goes_out()

    assert "evil" not in mail.as_string()
    assert "Hello," in text_of(mail)


async def test_a_forged_host_ends_up_in_no_mail(nobody: Client, post: Post) -> None:
    forged = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example",
        "Origin": "https://evil.example",
    }

    await register(nobody, EMAIL, **forged)
    [mail] = await post.goes_out()

    assert "evil" not in mail.as_string()


async def test_of_two_who_follow_one_link_at_once_one_opens_the_account(nobody: Client, post: Post, database: Database) -> None:
    await register(nobody, EMAIL)
    [mail] = await post.goes_out()
    token = token_in(mail)

    answers = await together(*(verify(nobody, token) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [204, 422, 422, 422]
    assert_problem(await verify(nobody, token), 422, "token_invalid")
    assert await database.rows("SELECT count(*) FROM audit_events WHERE action = 'account.verify_email'") == [(1,)]


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE mail_tokens SET expires_at = clock_timestamp() - interval '1 ms'",
        "UPDATE mail_tokens SET purpose = 'reset_password'",
        "UPDATE accounts SET is_disabled = true",
    ],
)
async def test_a_link_that_is_over_or_for_something_else_opens_nothing(nobody: Client, post: Post, database: Database, spoil: str) -> None:
    await register(nobody, EMAIL)
    [mail] = await post.goes_out()
    await database.do(spoil)

    answer = await verify(nobody, token_in(mail))

    assert_problem(answer, 422, "token_invalid")
    assert token_in(mail) not in answer.text
    assert await database.rows("SELECT verified_at FROM accounts") == [(None,)]


async def test_a_link_is_good_for_half_an_hour_and_the_next_mail_sweeps_the_dead_ones_out(
    nobody: Client, post: Post, database: Database
) -> None:
    await register(nobody, EMAIL)
    await post.goes_out()
    life = "SELECT extract(epoch FROM expires_at - clock_timestamp()) BETWEEN 1740 AND 1800 FROM mail_tokens"
    assert await database.rows(life) == [(True,)]

    await database.do("UPDATE mail_tokens SET expires_at = clock_timestamp()")
    await database.do("UPDATE notifications SET state = 'queued', sent_at = NULL, due_at = clock_timestamp()")
    await post.goes_out()

    assert await database.rows(life) == [(True,)]


async def test_a_token_that_nobody_mailed_is_refused(unplugged_nobody: Client) -> None:
    assert_problem(await verify(unplugged_nobody, "x"), 422, "token_invalid")
    for token in ("", "x" * 201, "\0", 7, None):
        assert_fault(await unplugged_nobody.http.post("/v1/auth/verify-email", json={"token": token}), "/token")


async def test_a_common_password_is_refused_before_the_address_is_looked_up(nobody: Client, people: People) -> None:
    owner = await people.join()

    for password in ("password", "12345678", "PassWord1", " baseball "):
        with statements() as executed:
            answers = [await register(nobody, email, password) for email in (EMAIL, owner.email)]

        assert executed == []
        for answer in answers:
            assert "everybody tries first" in assert_fault(answer, "/password")
            assert password not in answer.text.replace("/password", "").replace("the password", "")


PASSWORDS = ["8 signs.", "x" * 72, "x" * 72 + "y", "x" * 1_000, "a\0b and on", "👕👖👗👘👙👚👛👜"]


async def test_passwords_of_any_length_and_alphabet_are_taken_whole(nobody: Client, database: Database) -> None:
    for number, password in enumerate(PASSWORDS):
        assert (await register(nobody, f"{number}@example.com", password)).status_code == 202
    await database.do("UPDATE accounts SET verified_at = clock_timestamp()")

    for number, password in enumerate(PASSWORDS):
        assert (await sign_in(nobody, f"{number}@example.com", password)).status_code == 200
        assert (await sign_in(nobody, f"{number}@example.com", password[:-1])).status_code == 401


async def test_other_passwords_are_refused_and_not_repeated(unplugged_nobody: Client) -> None:
    for password in ("7 signs", "x" * 1_025, "hunter\ud800hunter", 12_345_678, None, ["hunter2 hunter2"]):
        content = json.dumps({"email": EMAIL, "password": password, "full_name": NAME})

        answer = await unplugged_nobody.http.post("/v1/auth/register", content=content, headers={"Content-Type": "application/json"})

        assert_fault(answer, "/password")
        for word in ("7 signs", "xxx", "hunter", "12345678"):
            assert word not in answer.text


async def test_what_is_no_address_is_refused_and_not_repeated(unplugged_nobody: Client) -> None:
    wrong = ("canary", "canary@b", "a@canary.example\r\nBcc: b@c.de", "canary(a)@b.cd", "canary@bücher.de", f"canary{'x' * 245}@b.cd", 7)
    for email in wrong:
        for path, rest in (("register", {"password": PASSWORD, "full_name": NAME}), ("forgot-password", {})):
            answer = await unplugged_nobody.http.post(f"/v1/auth/{path}", json={"email": email, **rest})

            assert_fault(answer, "/email")
            assert "canary" not in answer.text


async def test_nobody_registers_as_more_than_a_customer(unplugged_nobody: Client) -> None:
    more = {"role": "admin", "is_disabled": False, "verified_at": "2026-01-01T00:00:00Z", "account_id": "x"}
    for member, value in more.items():
        whole = {"email": EMAIL, "password": PASSWORD, "full_name": NAME, member: value}

        assert_fault(await unplugged_nobody.http.post("/v1/auth/register", json=whole), f"/{member}")
