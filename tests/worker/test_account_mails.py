"""Without this, the owner of a session that was stolen never hears of it."""

from tests.support.api import Client
from tests.support.database import Database
from tests.support.members import refresh, sign_in
from tests.support.people import People
from tests.support.post import PUBLIC_URL, Post, text_of
from tests.support.problems import assert_problem


async def test_the_owner_of_a_session_that_was_used_twice_is_told_what_to_do(
    nobody: Client, people: People, post: Post, database: Database
) -> None:
    person = await people.join()
    first = (await sign_in(nobody, person.email, person.password)).json()["refresh_token"]
    second = (await refresh(nobody, first)).json()["refresh_token"]
    await database.do("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds' WHERE used_at IS NOT NULL")

    assert_problem(await refresh(nobody, first), 401, "unauthenticated")
    [mail] = await post.goes_out()

    assert (mail["Subject"], mail["To"].addresses[0].addr_spec) == ("Your session was used twice", person.email)
    assert f"{PUBLIC_URL}/account/forgot-password" in text_of(mail)
    assert first not in mail.as_string()
    assert_problem(await refresh(nobody, second), 401, "unauthenticated")
