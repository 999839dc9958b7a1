"""Without these, somebody writes a token of their own and is whoever they like."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.keys import KeyRing, SigningKey
from services.inventory.accounts.model import ACCESS_SECONDS, AccountId, Role, SessionId
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.tokens import Tokens
from tests.support.forgery import CLAIMS, FORGERIES, Genuine, signed
from tests.support.settings import Where, settings

HERE = settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none"))
NOW = datetime(2026, 11, 24, 10, 15, 0, 123_457, tzinfo=UTC)  # not by the clock of this machine, which may say what it likes
RING = KeyRing((SigningKey("first", NOW - timedelta(days=300)),))
CALLER = Caller(AccountId(UUID(int=7)), Role.STAFF, SessionId(UUID(int=8)))
TOKENS = Tokens(HERE)


@pytest.fixture
def genuine() -> Genuine:
    return Genuine.of(TOKENS.issue(CALLER, RING, issued_at=NOW).text, HERE)


def is_accepted(token: str) -> bool:
    try:
        return TOKENS.verify(token, RING, now=NOW).is_live(NOW)
    except NotSignedIn:
        return False


def test_a_token_is_its_callers(genuine: Genuine) -> None:
    verified = TOKENS.verify(genuine.text, RING, now=NOW)

    assert (verified.caller, verified.issued_at) == (CALLER, NOW.timestamp())
    assert (genuine.header["alg"], genuine.header["typ"], genuine.header["kid"]) == ("HS256", "at+jwt", "first")
    assert genuine.claims.keys() == set(CLAIMS)
    assert UUID(genuine.claims["jti"]).version == 7


@pytest.mark.parametrize(
    ("seconds", "is_live"), [(-6, False), (-4, True), (0, True), (ACCESS_SECONDS - 1, True), (ACCESS_SECONDS, False), (10**9, False)]
)
def test_a_token_lives_for_15_minutes(genuine: Genuine, seconds: int, *, is_live: bool) -> None:
    verified = TOKENS.verify(genuine.text, RING, now=NOW)

    assert verified.is_live(NOW + timedelta(seconds=seconds)) is is_live
    assert TOKENS.issue(CALLER, RING, issued_at=NOW).expires_in_seconds == ACCESS_SECONDS == 900


def test_the_forger_can_sign_what_is_accepted(genuine: Genuine) -> None:
    assert TOKENS.verify(signed(genuine.header, genuine.claims, genuine.key), RING, now=NOW).caller == CALLER


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_forgery_is_taken_for_a_token(genuine: Genuine, forgery: str) -> None:
    assert is_accepted(genuine.text)
    assert not is_accepted(FORGERIES[forgery](genuine))


def test_the_token_of_another_installation_is_worth_nothing(genuine: Genuine) -> None:
    url = "postgresql://nobody@127.0.0.1:1/none"
    others = Tokens(settings(Where(database_url=url), token_secret="another secret, of 32 characters or more"))

    with pytest.raises(NotSignedIn):
        others.verify(genuine.text, RING, now=NOW)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é", "\udfff", "\0", "x" * 10_000, "{}.{}.{}", "W10.W10.W10", "bnVsbA.bnVsbA."])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(NotSignedIn):
        TOKENS.verify(token, RING, now=NOW)
