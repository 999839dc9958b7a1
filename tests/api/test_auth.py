"""Without these, somebody who is not let in learns why, or gets in."""

from urllib.parse import quote

import httpx
import pytest

from services.api.guards import AUTHORIZATION_BYTES_MAX
from tests.support.api import Client
from tests.support.database import Database
from tests.support.people import People
from tests.support.problems import assert_fault, assert_problem

PATH = "/v1/auth/token"


async def sign_in(nobody: Client, username: str, password: str, **headers: str) -> httpx.Response:
    return await nobody.http.post(PATH, data={"grant_type": "password", "username": username, "password": password}, headers=headers)


async def test_who_signs_in_can_act(nobody: Client, people: People) -> None:
    person = await people.join()

    answer = await sign_in(nobody, person.email, person.password)

    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert answer.headers["Cache-Control"] == "private, no-store"
    nobody.http.headers["Authorization"] = f"Bearer {body['access_token']}"
    assert (await nobody.reservation(str(person.account_id))).status_code == 404  # known, but there is no such reservation


async def test_an_address_is_found_however_it_is_capitalised(nobody: Client, people: People) -> None:
    person = await people.join()

    assert (await sign_in(nobody, f" {person.email.upper()} ", person.password)).status_code == 200


async def test_one_answer_to_all_who_may_not_come_in(nobody: Client, people: People, database: Database) -> None:
    person, disabled = await people.join(), await people.join()
    await database.do("UPDATE accounts SET is_disabled = true WHERE email = $1", disabled.email)

    answers = [
        await sign_in(nobody, person.email, "wrong"),
        await sign_in(nobody, person.email, person.password + " "),
        await sign_in(nobody, person.email, disabled.password),
        await sign_in(nobody, "nobody@example.com", person.password),
        await sign_in(nobody, disabled.email, disabled.password),
        await sign_in(nobody, person.email, ""),
    ]

    problems = [assert_problem(answer, 401, "unauthenticated") for answer in answers[:-1]]
    assert len({problem["detail"] for problem in problems}) == 1
    assert_fault(answers[-1], "/password")


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer nonsense", ""])
async def test_signing_in_takes_no_notice_of_an_older_token(nobody: Client, people: People, header: str) -> None:
    person = await people.join()

    assert (await sign_in(nobody, person.email, person.password, Authorization=header)).status_code == 200


@pytest.mark.parametrize("password", ["x" * 1_024, "👕" * 1_024, "a\0b", "\udfff" * 3, "'; DROP TABLE accounts; --"])
async def test_odd_passwords_are_wrong_passwords(nobody: Client, people: People, password: str) -> None:
    person = await people.join()
    content = f"username={quote(person.email)}&password={quote(password, errors='surrogatepass')}"

    answer = await nobody.http.post(PATH, content=content, headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert_problem(answer, 401, "unauthenticated")


@pytest.mark.parametrize(
    ("form", "where"),
    [
        ({"password": "x"}, "/username"),
        ({"username": "a@b.c"}, "/password"),
        ({"username": "x" * 255, "password": "x"}, "/username"),
        ({"username": "a\0@b.c", "password": "x"}, "/username"),
        ({"username": "a@b.c", "password": "x" * 1_025}, "/password"),
    ],
)
async def test_a_form_that_is_wrong_is_told_where(unplugged_nobody: Client, form: dict[str, str], where: str) -> None:
    answer = await unplugged_nobody.http.post(PATH, data=form)

    assert_fault(answer, where)
    assert "xxx" not in answer.text


async def test_a_form_is_a_form(unplugged_nobody: Client) -> None:
    problem = assert_problem(await unplugged_nobody.http.post(PATH, json={"username": "a@b.c", "password": "x"}), 422, "validation_error")

    assert [fault["pointer"] for fault in problem["errors"]] == ["/username", "/password"]


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=X", "multipart/form-data; boundary=X; charset=nonsense"]
)
async def test_a_broken_form_is_not_read(unplugged_nobody: Client, content_type: str) -> None:
    answer = await unplugged_nobody.http.post(PATH, content=b"garbage", headers={"Content-Type": content_type})

    assert_problem(answer, 400, "malformed_json")


ODD = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer x",
    "Bearer x.y.z",
    "Basic YTpi",
    "Token x",
    "Bearer \xff",
    "Bearer " + "x" * (AUTHORIZATION_BYTES_MAX - len("Bearer ")),  # a longer header is nobody's to read
]


@pytest.mark.parametrize("header", ODD)
@pytest.mark.parametrize("path", ["/v1/products", "/v1/stock"])
async def test_a_bad_token_is_refused_even_where_none_is_needed(unplugged_nobody: Client, header: str, path: str) -> None:
    answer = await unplugged_nobody.http.get(path, headers=[(b"Authorization", header.encode("latin-1"))])

    assert_problem(answer, 401, "unauthenticated")


async def test_a_token_is_whole_or_nothing(customer: Client, nobody: Client) -> None:
    assert customer.person
    token = customer.person.token

    answers = {
        word: await nobody.http.get("/v1/products", headers={"Authorization": word})
        for word in (
            f"Bearer {token}",
            f"bearer {token}",
            f"Bearer {token}x",
            f"Bearer {token[:-1]}",
            f"Bearer  {token}",
            f"Bearer {token} {token}",
        )
    }

    assert [answer.status_code for answer in answers.values()] == [200, 200, 401, 401, 401, 401]
