"""Without these, a session that was ended goes on for a quarter of an hour, or every request costs a query."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.inventory.accounts import access as module
from services.inventory.accounts import revoking
from services.inventory.accounts.access import OVERLAP_SECONDS, Access
from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.keys import KeyRing
from services.inventory.accounts.model import ACCESS_SECONDS, AccountId, Role, SessionId
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.tokens import Tokens, Verified
from services.runtime.database import Database as OurDatabase
from services.runtime.database import DatabaseUnavailable, open_database
from services.runtime.ids import new_id
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.settings import Where, settings
from tests.support.statements import statements

NOWHERE = settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none"))
MICROSECOND = timedelta(microseconds=1)


class CountingTokens(Tokens):
    """Counts how often a signature is checked."""

    checked = 0

    def verify(self, token: str, ring: KeyRing, *, now: datetime) -> Verified:
        self.checked += 1
        return super().verify(token, ring, now=now)


@pytest.fixture
def tokens() -> CountingTokens:
    return CountingTokens(NOWHERE)


@pytest.fixture
def access(ours: OurDatabase, tokens: CountingTokens) -> Access:
    return Access(ours, tokens)


def somebody() -> Caller:
    return Caller(AccountId(new_id()), Role.CUSTOMER, SessionId(new_id()))


async def clock(database: Database) -> datetime:
    [(now,)] = await database.rows("SELECT clock_timestamp()")
    assert isinstance(now, datetime)
    return now


async def token_of(access: Access, caller: Caller, issued_at: datetime) -> str:
    return (await access.issue(caller, issued_at=issued_at)).text


async def revoke(database: Database, subject_id: UUID | None, revoked_at: datetime) -> None:
    await database.do("INSERT INTO revocations VALUES ($1, $2)", subject_id, revoked_at)


async def is_refused(access: Access, token: str) -> bool:
    try:
        await access.caller(token)
    except NotSignedIn:
        return True
    return False


async def test_a_session_that_has_ended_is_refused_within_a_second_and_no_other(access: Access, database: Database) -> None:
    now, caller = await clock(database), somebody()
    other_device = Caller(caller.account_id, Role.CUSTOMER, SessionId(new_id()))
    token, other = await token_of(access, caller, now), await token_of(access, other_device, now)
    later = await token_of(access, caller, now + timedelta(seconds=2))  # whose clock was another: the session is over all the same
    assert await access.caller(token) == caller

    await revoke(database, caller.session_id, now + timedelta(seconds=1))

    await eventually(lambda: is_refused(access, token), within_seconds=1)
    assert await is_refused(access, later)
    assert await access.caller(other) == other_device


async def test_an_account_goes_on_with_tokens_that_were_issued_later(access: Access, database: Database) -> None:
    now, caller = await clock(database), somebody()
    tokens = [await token_of(access, caller, instant) for instant in (now - MICROSECOND, now, now + MICROSECOND)]

    await revoke(database, caller.account_id, now)

    await eventually(lambda: is_refused(access, tokens[0]), within_seconds=1)
    assert [await is_refused(access, token) for token in tokens] == [True, True, False]


async def test_a_process_that_starts_knows_what_was_revoked_before(ours: OurDatabase, access: Access, database: Database) -> None:
    now, caller = await clock(database), somebody()
    issued_at = now - timedelta(seconds=ACCESS_SECONDS - 20)
    token = await token_of(access, caller, issued_at)
    assert await access.caller(token) == caller

    await revoke(database, caller.account_id, issued_at)

    assert await is_refused(Access(ours, Tokens(NOWHERE)), token)


async def test_a_revocation_that_commits_late_is_heard_of(access: Access, database: Database) -> None:
    now, caller = await clock(database), somebody()
    token = await token_of(access, caller, now - timedelta(seconds=OVERLAP_SECONDS))
    assert await access.caller(token) == caller

    await revoke(database, caller.account_id, now - timedelta(seconds=OVERLAP_SECONDS - 5))  # stamped long before it could be seen

    await eventually(lambda: is_refused(access, token), within_seconds=1)


async def test_a_revocation_is_remembered_as_long_as_a_token_lives(access: Access, database: Database) -> None:
    now, caller = await clock(database), somebody()
    token = await token_of(access, caller, now)
    await revoke(database, caller.session_id, now)
    await eventually(lambda: is_refused(access, token), within_seconds=1)

    await database.do("DELETE FROM revocations")
    with statements() as said:
        while not said:  # until it was reread, which finds nothing
            assert await is_refused(access, token)
            await asyncio.sleep(0.02)

    assert await is_refused(access, token)


async def test_the_tokens_of_a_key_that_was_thrown_away_are_refused(access: Access, database: Database) -> None:
    token = await token_of(access, somebody(), await clock(database))
    await access.caller(token)

    await database.do("INSERT INTO signing_keys VALUES ('another', '2020-01-01Z')")
    await database.do("DELETE FROM signing_keys WHERE kid <> 'another'")

    await eventually(lambda: is_refused(access, token), within_seconds=1)


async def test_requests_cost_no_query(access: Access, database: Database) -> None:
    token = await token_of(access, somebody(), await clock(database))

    with statements() as said:
        for _ in range(100):
            await access.caller(token)

    assert len(said) <= 6  # two for each rereading, of which the hundred take at most a few


async def test_those_who_come_at_once_share_one_rereading(access: Access, tokens: CountingTokens, database: Database) -> None:
    token = tokens.issue(somebody(), await _ring(database), issued_at=await clock(database)).text

    with statements() as said:
        await asyncio.gather(*(access.caller(token) for _ in range(100)))

    assert len(said) == 2
    assert tokens.checked == 1


async def test_of_remembered_tokens_there_is_a_limit(
    access: Access, tokens: CountingTokens, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED_MAX", 2)
    now = await clock(database)
    first, second, third = [await token_of(access, somebody(), now) for _ in range(3)]

    for token in (first, second, second, third, third, second):
        await access.caller(token)
    assert tokens.checked == 3

    await access.caller(first)  # forgotten
    assert tokens.checked == 4


async def test_a_remembered_token_ends_in_time(access: Access, database: Database) -> None:
    token = await token_of(access, somebody(), await clock(database) - timedelta(seconds=ACCESS_SECONDS - 1.5))
    await access.caller(token)

    await eventually(lambda: is_refused(access, token), within_seconds=3)


@pytest.fixture
async def hangups() -> AsyncIterator[tuple[str, list[int]]]:
    """A database that hangs up on everybody, and who came."""
    came: list[int] = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(len(came))
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    yield f"postgresql://nobody@127.0.0.1:{server.sockets[0].getsockname()[1]}/none", came
    server.close()
    await server.wait_closed()


async def test_those_who_come_at_once_share_a_failure_too(hangups: tuple[str, list[int]], database: Database, tokens: Tokens) -> None:
    url, came = hangups
    token = tokens.issue(somebody(), await _ring(database), issued_at=await clock(database)).text

    async with open_database(settings(Where(database_url=url)), application="tests") as gone:
        access = Access(gone, tokens)
        answers = await asyncio.gather(*(access.caller(token) for _ in range(50)), return_exceptions=True)
        alone = len(came)
        with pytest.raises(DatabaseUnavailable):
            await access.caller(token)

    assert {type(answer) for answer in answers} == {DatabaseUnavailable}
    assert len(came) == 2 * alone  # the next one tries again


async def test_a_request_that_goes_away_takes_nobody_along(access: Access, database: Database, tokens: Tokens) -> None:
    token = tokens.issue(somebody(), await _ring(database), issued_at=await clock(database)).text
    first, second = asyncio.create_task(access.caller(token)), asyncio.create_task(access.caller(token))
    await asyncio.sleep(0)

    first.cancel()

    assert (await second).role is Role.CUSTOMER
    assert first.cancelled()


async def _ring(database: Database) -> KeyRing:
    async with open_database(settings(Where(database_url=database.url)), application="tests") as ours:
        ring, _ = await ours.autocommit(revoking.read_ring)
        return ring
