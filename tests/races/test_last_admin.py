"""Without this, two admins shut each other out at one moment, and nobody is left who could let anybody in."""

import httpx

from tests.races.gate import together_at_the_gate
from tests.support.api import Api, Client
from tests.support.database import Database
from tests.support.options import Rounds

_GATE = "SELECT 1 FROM accounts FOR UPDATE"


async def test_of_two_admins_who_shut_each_other_out_at_once_one_is_left(
    api: Api, database: Database, *, is_far: bool, rounds: Rounds
) -> None:
    for _ in range(rounds(quick=2, proof=50)):
        one, other = await api.admin(), await api.admin()

        answers = await together_at_the_gate(
            database, _shut(one, other, {"role": "customer"}), _shut(other, one, {"disabled": True}), gate=_GATE, at_once=2
        )

        done, refused = sorted(answer.status_code for answer in answers)
        assert done == 200
        assert refused in ({409, 401, 403} if is_far else {409})  # far away one is told to ask again, and is out by then
        assert await database.rows("SELECT count(*) FROM accounts WHERE role = 'admin' AND NOT is_disabled") == [(1,)]
        await database.do("UPDATE accounts SET is_disabled = true")


async def _shut(one: Client, other: Client, body: dict[str, object]) -> httpx.Response:
    assert other.person
    return await one.http.patch(f"/v1/accounts/{other.person.account_id}", json=body)
