"""Without these, a load test signs in ten thousand times before it begins, or somebody signs in to what it left behind."""

import time

import pytest

from services.inventory.accounts.store import NO_HASH
from tests.cli.test_accounts import Operator
from tests.support.api import Client
from tests.support.database import Database
from tests.support.members import sign_in
from tests.support.problems import assert_problem, nothing_changes

ACCOUNTS = "SELECT account_id, email, role FROM accounts ORDER BY email"
TRAIL = "SELECT action, outcome, actor_id, details FROM audit_events WHERE outcome = 'success' ORDER BY created_at"


@pytest.fixture
def operator(database: Database) -> Operator:
    """On a machine that serves nobody else."""
    operator = Operator(database)
    operator.environment["HOLDFAST_PUBLIC_URL"] = "http://127.0.0.1:8000"
    return operator


async def whose(nobody: Client, token: str) -> str:
    answer = await nobody.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["email"])


async def test_each_token_is_of_a_customer_of_its_own_who_may_order_at_once(operator: Operator, nobody: Client) -> None:
    result = await operator.runs("load-accounts", "3")

    assert (result.exit_code, result.stderr) == (0, "")
    tokens = result.stdout.splitlines()
    assert [await whose(nobody, token) for token in tokens] == [f"load-{number:06}@holdfast.invalid" for number in (1, 2, 3)]
    ordered = await nobody.http.get("/v1/reservations", headers={"Authorization": f"Bearer {tokens[0]}"})
    assert (ordered.status_code, ordered.json()["items"]) == (200, [])


async def test_called_again_it_makes_only_those_that_there_are_not(operator: Operator, database: Database) -> None:
    await operator.runs("load-accounts", "2")
    before = await database.rows(ACCOUNTS)

    again = await operator.runs("load-accounts", "3")

    assert len(again.stdout.splitlines()) == 3
    assert (await database.rows(ACCOUNTS))[:2] == before
    assert await database.rows("SELECT count(*), count(DISTINCT role) FROM accounts") == [(3, 1)]


@pytest.mark.parametrize("password", ["", NO_HASH, "a lamp under a tree"])
async def test_no_password_signs_in(operator: Operator, nobody: Client, password: str) -> None:
    await operator.runs("load-accounts", "1")

    assert_problem(await sign_in(nobody, "load-000001@holdfast.invalid", password or " "), 401, "unauthenticated")


async def test_the_trail_has_one_line_for_all_of_them(operator: Operator, database: Database) -> None:
    await operator.runs("load-accounts", "2")
    await operator.runs("load-accounts", "3")

    rows = await database.rows(TRAIL)
    assert [row[:3] for row in rows] == [("account.create", "success", None)] * 2
    assert [('"new": "2"' in row[3], '"without_password": "3"' in row[3]) for row in rows] == [(True, False), (False, True)]


@pytest.mark.parametrize("public_url", ["https://shop.example", "http://127.0.0.1.shop.example", ""])
async def test_where_others_are_served_there_are_no_such_accounts(operator: Operator, database: Database, public_url: str) -> None:
    operator.environment["HOLDFAST_PUBLIC_URL"] = public_url

    async with nothing_changes(database):
        result = await operator.runs("load-accounts", "3")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "load-accounts is for the stack of one machine" in result.stderr


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts SET password_hash = 'of a password that was chosen by mail' WHERE email LIKE '%2@holdfast.invalid'",
        "UPDATE accounts SET is_disabled = true WHERE email LIKE '%2@holdfast.invalid'",
    ],
    ids=["has a password", "is disabled"],
)
async def test_an_account_that_changed_gets_no_token(operator: Operator, database: Database, change: str) -> None:
    await operator.runs("load-accounts", "2")
    await database.do(change)

    result = await operator.runs("load-accounts", "2")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "1 of load-000001 to load-000002@holdfast.invalid have a password or are disabled.\n"


async def test_ten_thousand_take_seconds(operator: Operator, database: Database) -> None:
    began = time.monotonic()

    result = await operator.runs("load-accounts", "10000")

    assert len(set(result.stdout.splitlines())) == 10_000
    assert await database.rows("SELECT count(*) FROM accounts WHERE password_hash = $1", NO_HASH) == [(10_000,)]
    assert time.monotonic() - began < 15, "a few seconds on a machine that does nothing else"
