"""Without these, nobody can open the first account, or take one back, or nobody knows afterwards who did."""

import asyncio
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from services.runtime.settings import load_settings
from tests.support.api import Client
from tests.support.database import Database
from tests.support.members import bearer, refresh, sign_in
from tests.support.people import People
from tests.support.problems import assert_problem
from tests.support.settings import Where, environment
from tests.support.sources import ROOT

BOSS = "boss@example.com"
TRAIL = "SELECT action, outcome, actor_id, ip FROM audit_events WHERE action NOT LIKE 'session.sign_in' ORDER BY created_at"


class Operator:
    """Somebody with a shell on the server."""

    def __init__(self, database: Database) -> None:
        self.environment = environment(Where(database_url=database.url))

    async def runs(self, *arguments: str, typing: str = "") -> Result:
        """In the test's own process, which is much faster than a real one, and in a thread, because a command has its own loop."""
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments, input=f"{typing}\n", env=self.environment))


@pytest.fixture
def operator(database: Database) -> Operator:
    return Operator(database)


def password_in(output: str) -> str:
    [password] = re.findall(r"Its password is (\S+)$", output, re.MULTILINE)
    return str(password)


async def test_the_first_admin_is_made_by_hand(operator: Operator, nobody: Client, database: Database) -> None:
    command = [sys.executable, "-m", "services.cli.main", "accounts", "create-admin", "Boss@Example.com "]
    running = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=operator.environment, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
    )
    output, _ = await running.communicate(b"\n")  # without a terminal, the answer is read from here

    signed_in = await sign_in(nobody, BOSS, password_in(output.decode()))
    assert (await nobody.http.get("/v1/accounts", headers=bearer(signed_in))).status_code == 200
    assert await database.rows(TRAIL) == [("account.create", "success", None, None)]


async def test_an_admin_may_have_a_password_of_their_own_choice(operator: Operator, nobody: Client) -> None:
    result = await operator.runs("accounts", "create-admin", BOSS, "--full-name", "The Boss", typing="a lamp under a tree")

    assert (result.exit_code, "a lamp under a tree" in result.output) == (0, False)
    signed_in = await sign_in(nobody, BOSS, "a lamp under a tree")
    assert (await nobody.http.get("/v1/me", headers=bearer(signed_in))).json()["full_name"] == "The Boss"


async def test_what_cannot_be_done_is_said_in_a_sentence(operator: Operator, people: People, database: Database) -> None:
    person = await people.join()
    before = await database.rows("SELECT * FROM accounts"), await database.rows(TRAIL)
    wrong = {
        ("accounts", "create-admin", BOSS, "password1"): "the password is too easy to guess",
        ("accounts", "create-admin", "nonsense", ""): "nonsense is not an e-mail address",
        ("accounts", "create-admin", person.email, ""): "an account with this e-mail address exists already",
        ("accounts", "reset-password", "nobody@example.com", ""): "there is no such account",
        ("accounts", "reset-password", person.email, "12345678"): "the password is too easy to guess",
        ("accounts", "end-sessions", "nobody@example.com", ""): "there is no such account",
    }

    for (*arguments, typed), sentence in wrong.items():
        result = await operator.runs(*arguments, typing=typed)
        assert (result.exit_code, "password is" in result.stdout) == (1, False), result.output
        assert sentence in result.stderr
    assert (await database.rows("SELECT * FROM accounts"), await database.rows(TRAIL)) == before


async def test_an_account_is_taken_back_by_hand_and_its_owner_hears_of_it(
    operator: Operator, nobody: Client, people: People, database: Database
) -> None:
    person = await people.join()
    thief = await sign_in(nobody, person.email, person.password)

    result = await operator.runs("accounts", "reset-password", person.email.upper())

    assert result.exit_code == 0
    assert_problem(await refresh(nobody, thief.json()["refresh_token"]), 401, "unauthenticated")
    assert_problem(await sign_in(nobody, person.email, person.password), 401, "unauthenticated")
    assert (await sign_in(nobody, person.email, password_in(result.output))).status_code == 200
    assert ("password.reset", "success", None, None) in await database.rows(TRAIL)
    assert await database.rows("SELECT name FROM outbox") == [("password.changed",)]


async def test_sessions_are_ended_and_keys_replaced_by_hand(operator: Operator, nobody: Client, people: People, database: Database) -> None:
    person = await people.join()
    signed_in = [await sign_in(nobody, person.email, person.password) for _ in range(2)]

    ended, rotated = await operator.runs("accounts", "end-sessions", person.email), await operator.runs("keys", "rotate")

    assert (ended.exit_code, ended.stdout) == (0, "2 sessions have ended.\n")
    for one in signed_in:
        assert_problem(await refresh(nobody, one.json()["refresh_token"]), 401, "unauthenticated")
    [newest, *_] = await database.rows("SELECT kid FROM signing_keys ORDER BY created_at DESC")
    assert rotated.exit_code == 0
    assert newest[0] in rotated.stdout
    actions = {action for action, outcome, actor, _ in await database.rows(TRAIL) if (outcome, actor) == ("success", None)}
    assert actions >= {"session.end_all", "keys.rotate"}


def test_new_secrets_are_ones_to_start_with(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [CliRunner().invoke(app, ["secrets"]).stdout for _ in range(2)]

    first, second = [dict(line.split("=", 1) for line in output.split()) for output in made]
    assert first.keys() == {"HOLDFAST_TOKEN_SECRET", "HOLDFAST_PASSWORD_PEPPER"}
    assert len({*first.values(), *second.values()}) == 4
    for name, value in (environment(Where(database_url="postgresql://nobody@127.0.0.1:1/none")) | first).items():
        monkeypatch.setenv(name, value)
    assert load_settings().token_secret.get_secret_value() == first["HOLDFAST_TOKEN_SECRET"]
