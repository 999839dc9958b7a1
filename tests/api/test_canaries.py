"""Without these, whoever reads the database, the queue or the logs signs in as anybody who forgot their password."""

import hashlib
import json
from email.message import EmailMessage

from redis.asyncio import Redis
from structlog.testing import capture_logs

from tests.support.api import Client
from tests.support.database import Database
from tests.support.delivery import end_leases
from tests.support.mail import Mails
from tests.support.members import forget, register, reset, sign_in, verify
from tests.support.post import Post, text_of, token_in

EMAIL = "ann-canary@example.com"
PASSWORDS = ["canary 4d1f, the first", "canary 4d1f, the second"]


async def test_a_password_or_a_mailed_token_is_readable_nowhere(
    nobody: Client, post: Post, mails: Mails, database: Database, broker_url: str
) -> None:
    seen: list[str] = []
    with capture_logs() as lines:
        await register(nobody, EMAIL, PASSWORDS[0])
        mails.answer_next(lambda mail: f"451 spam: {_link(mail)}")
        await post.goes_out()
        seen += [await _whole(database), await _queue(broker_url)]
        await end_leases(database)
        [mail] = await post.goes_out()
        seen += [await _whole(database), await _queue(broker_url)]
        answers = [await verify(nobody, token_in(mail)), await sign_in(nobody, EMAIL, PASSWORDS[0]), await forget(nobody, EMAIL)]
        [link] = await post.goes_out()
        seen += [await _whole(database), await _queue(broker_url)]
        answers.append(await reset(nobody, token_in(link), PASSWORDS[1]))
        seen += [await _whole(database), str(lines)]

    assert [answer.status_code for answer in answers] == [204, 200, 202, 204]
    secrets = [*PASSWORDS, token_in(mail), token_in(link), answers[1].json()["access_token"], answers[1].json()["refresh_token"]]
    assert [secret for secret in secrets if any(secret in text for text in seen)] == []
    assert "451 spam: …" in seen[0]
    assert hashlib.sha256(token_in(mail).encode()).hexdigest() in seen[2]
    assert EMAIL not in str(lines)


def _link(mail: EmailMessage) -> str:
    return next(word for word in text_of(mail).split() if "#token=" in word)


async def _whole(database: Database) -> str:
    """Every row of every table."""
    tables = await database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 10
    rows = [await database.rows(f"SELECT t::text FROM {table} t") for (table,) in tables]  # noqa: S608
    return str(rows)


async def _queue(broker_url: str) -> str:
    """Every message that waits in the broker, of which there is one at least."""
    async with Redis.from_url(broker_url) as client:
        messages = await client.lrange("celery", 0, -1)
    assert messages
    return str(messages)


_SECRETS = [
    ("/v1/auth/register", "password"),
    ("/v1/auth/verify-email", "token"),
    ("/v1/auth/reset-password", "token"),
    ("/v1/auth/reset-password", "new_password"),
    ("/v1/auth/refresh", "refresh_token"),
    ("/v1/auth/logout", "refresh_token"),
]


async def test_what_is_wrong_with_a_request_is_told_without_its_secrets(unplugged_nobody: Client) -> None:
    for path, member in _SECRETS:
        for value in ("canary" * 400, {"canary": "canary"}, ["canary"], "canary\ud800"):
            content = json.dumps({member: value})
            answer = await unplugged_nobody.http.post(path, content=content, headers={"Content-Type": "application/json"})

            assert answer.status_code == 422, answer.text
            assert "canary" not in answer.text


async def test_a_body_that_is_no_json_is_not_repeated(unplugged_nobody: Client) -> None:
    for content in (b'{"password": "canary', b'{"password": "canary", "password": "canary"}', b'"canary"', b"canary"):
        for path in ("/v1/auth/register", "/v1/auth/reset-password"):
            answer = await unplugged_nobody.http.post(path, content=content, headers={"Content-Type": "application/json"})

            assert answer.status_code in {400, 422}
            assert "canary" not in answer.text


async def test_the_document_marks_every_password_as_one(unplugged_nobody: Client) -> None:
    openapi = (await unplugged_nobody.http.get("/openapi.json")).json()

    fields = {
        f"{name}.{field}": schema
        for name, model in openapi["components"]["schemas"].items()
        for field, schema in model.get("properties", {}).items()
        if "password" in field and not name.startswith("Body_")  # a form
    }
    assert fields.keys() >= {"RegistrationIn.password", "ResetIn.new_password", "PasswordChangeIn.current_password"}
    assert {(schema.get("format"), schema.get("writeOnly")) for schema in fields.values()} == {("password", True)}
