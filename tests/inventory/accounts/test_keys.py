"""Without these, a rotation signs everybody out, or a key that was retired goes on signing."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.inventory.accounts.access import REREAD_SECONDS
from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.keys import SIGNS_AFTER_SECONDS, KeyRing, SigningKey, derive
from services.inventory.accounts.model import ACCESS_SECONDS, AccountId, Role, SessionId
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.tokens import Tokens
from tests.support.settings import Where, settings

SECRET = b"only-for-tests"
ROTATED = datetime(2026, 11, 24, 10, 15, tzinfo=UTC)
OLD = SigningKey("old", ROTATED - timedelta(days=30))
NEW = SigningKey("new", ROTATED)
RING = KeyRing((NEW, OLD))


def after(seconds: float) -> datetime:
    return ROTATED + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "kid"), [(-1, "old"), (0, "old"), (SIGNS_AFTER_SECONDS - 0.001, "old"), (SIGNS_AFTER_SECONDS, "new")])
def test_a_new_key_signs_when_every_process_must_know_it(seconds: float, kid: str) -> None:
    assert RING.signing(after(seconds)).kid == kid


def test_every_process_rereads_the_ring_twice_before_a_new_key_signs() -> None:
    assert SIGNS_AFTER_SECONDS == 5
    assert SIGNS_AFTER_SECONDS > 2 * REREAD_SECONDS


@pytest.mark.parametrize("kid", ["old", "new"])
@pytest.mark.parametrize("seconds", [0, SIGNS_AFTER_SECONDS, SIGNS_AFTER_SECONDS + ACCESS_SECONDS - 0.001])
def test_both_keys_verify_until_the_last_token_of_the_old_one_has_ended(kid: str, seconds: float) -> None:
    assert RING.verifying(kid, after(seconds))


def test_the_old_key_verifies_nothing_after_that() -> None:
    end = after(SIGNS_AFTER_SECONDS + ACCESS_SECONDS)

    assert not RING.verifying("old", end)
    assert RING.verifying("new", end)
    assert RING.verifying("new", end + timedelta(days=300))


def test_a_name_that_is_not_in_the_ring_verifies_nothing() -> None:
    assert not RING.verifying("another", ROTATED)
    assert not RING.verifying("", ROTATED)


@pytest.mark.parametrize("gap_seconds", [0, 1, SIGNS_AFTER_SECONDS, ACCESS_SECONDS, 10_000])
def test_a_token_outlives_any_number_of_rotations_at_any_distance(gap_seconds: int) -> None:
    tokens = Tokens(settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none")))
    caller = Caller(AccountId(UUID(int=7)), Role.CUSTOMER, SessionId(UUID(int=8)))
    ring = KeyRing(tuple(reversed([OLD, *(SigningKey(f"key-{n}", after(n * gap_seconds)) for n in range(4))])))

    for seconds in range(-1, 2 * SIGNS_AFTER_SECONDS + 3 * gap_seconds, max(1, gap_seconds // 3)):
        token = tokens.issue(caller, ring, issued_at=after(seconds)).text
        for age in (0, ACCESS_SECONDS - 1):
            assert tokens.verify(token, ring, now=after(seconds + age)).is_live(after(seconds + age)), (seconds, age)


def test_a_token_of_a_retired_key_is_refused_whatever_it_says() -> None:
    tokens = Tokens(settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none")))
    caller = Caller(AccountId(UUID(int=7)), Role.CUSTOMER, SessionId(UUID(int=8)))
    now = after(SIGNS_AFTER_SECONDS + ACCESS_SECONDS)
    of_now = tokens.issue(caller, KeyRing((OLD,)), issued_at=now).text  # by whoever has the old key still

    with pytest.raises(NotSignedIn):
        tokens.verify(of_now, RING, now=now)


def test_a_key_is_derived_as_rfc_5869_says() -> None:
    pseudorandom = hmac.new(b"holdfast access token", SECRET, hashlib.sha256).digest()

    assert derive(SECRET, "a") == hmac.new(pseudorandom, b"a\x01", hashlib.sha256).digest()


def test_another_name_or_secret_is_another_key() -> None:
    keys = {derive(SECRET, "a"), derive(SECRET, "b"), derive(SECRET, ""), derive(b"another", "a"), SECRET}

    assert len(keys) == 5
