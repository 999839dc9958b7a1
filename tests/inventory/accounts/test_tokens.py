"""Without these, somebody writes a token of their own and is whoever they like."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import UUID

import jwt
import pytest

from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.model import AccountId, Role
from services.inventory.accounts.permissions import Caller
from services.inventory.accounts.tokens import ACCESS_TOKEN_SECONDS, Tokens
from tests.support.settings import Where, settings

HERE = settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none"))
KEY = hmac.digest(HERE.token_secret.get_secret_value().encode(), b"holdfast access token", hashlib.sha256)
CALLER = Caller(AccountId(UUID(int=7)), Role.STAFF)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(HERE)


def parts(tokens: Tokens) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a token of ours."""
    text = tokens.issue(CALLER).text
    return jwt.get_unverified_header(text), jwt.decode(text, options={"verify_signature": False})


def signed(header: dict[str, Any], claims: dict[str, Any], key: bytes = KEY, digest: str = "sha256") -> str:
    """A token with a right signature, whatever it says."""
    said = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    return (said + b"." + base64.urlsafe_b64encode(hmac.digest(key, said, digest)).rstrip(b"=")).decode()


def test_a_token_is_its_callers(tokens: Tokens) -> None:
    token = tokens.issue(CALLER)

    assert tokens.verify(token.text) == CALLER
    assert token.expires_in_seconds == ACCESS_TOKEN_SECONDS == 900
    header, claims = parts(tokens)
    assert (header["alg"], header["typ"]) == ("HS256", "at+jwt")
    assert claims["exp"] - claims["iat"] == 900
    assert UUID(claims["jti"]).version == 7


def test_the_tests_can_sign_what_is_accepted(tokens: Tokens) -> None:
    assert tokens.verify(signed(*parts(tokens))) == CALLER


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "role"])
def test_a_token_lacks_nothing(tokens: Tokens, claim: str) -> None:
    header, claims = parts(tokens)
    del claims[claim]

    with pytest.raises(NotSignedIn):
        tokens.verify(signed(header, claims))


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "somebody"},
        {"iss": ["holdfast"]},
        {"aud": "another-api"},
        {"aud": ["another-api"]},
        {"sub": "7"},
        {"sub": 7},
        {"sub": None},
        {"role": "root"},
        {"role": ["admin"]},
        {"role": None},
        {"exp": "never"},
        {"exp": 1e300},
        {"jti": 7},
    ],
)
def test_a_token_says_what_ours_say(tokens: Tokens, wrong: dict[str, Any]) -> None:
    header, claims = parts(tokens)

    with pytest.raises(NotSignedIn):
        tokens.verify(signed(header, claims | wrong))


@pytest.mark.parametrize(
    "seconds_from_now",
    [
        {"exp": -6},
        {"exp": 10**9},
        {"exp": 100, "iat": -901, "nbf": -901},
        {"exp": 10, "iat": 20},
        {"nbf": 60},
        {"iat": 60, "exp": 120},
    ],
)
def test_a_token_is_of_now(tokens: Tokens, seconds_from_now: dict[str, int]) -> None:
    header, claims = parts(tokens)
    now = int(time.time())

    with pytest.raises(NotSignedIn):
        tokens.verify(signed(header, claims | {claim: now + seconds for claim, seconds in seconds_from_now.items()}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"typ": "JWT"},
        {"typ": "refresh+jwt"},
        {"typ": None},
        {"kid": "another"},
        {"kid": "../../../dev/null"},
        {"kid": None},
        {"kid": 7},
        {"alg": "none"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": ["HS256"]},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
    ],
)
def test_a_header_is_as_ours_are(tokens: Tokens, wrong: dict[str, Any]) -> None:
    header, claims = parts(tokens)

    with pytest.raises(NotSignedIn):
        tokens.verify(signed(header | wrong, claims))


@pytest.mark.parametrize("injected", [{"jwk": {"kty": "oct", "k": "AAAA"}}, {"jku": "http://evil.example"}, {"x5u": "http://evil.example"}])
def test_a_key_that_a_token_brings_along_is_not_used(tokens: Tokens, injected: dict[str, Any]) -> None:
    header, claims = parts(tokens)

    with pytest.raises(NotSignedIn):
        tokens.verify(signed(header | injected, claims, key=b"\0" * 32))


@pytest.mark.parametrize(
    "key", [b"", b"\0" * 32, HERE.token_secret.get_secret_value().encode(), HERE.password_pepper.get_secret_value().encode()]
)
def test_no_other_key_signs(tokens: Tokens, key: bytes) -> None:
    with pytest.raises(NotSignedIn):
        tokens.verify(signed(*parts(tokens), key=key))


def test_the_token_of_another_installation_is_worth_nothing(tokens: Tokens) -> None:
    others = Tokens(
        settings(Where(database_url="postgresql://nobody@127.0.0.1:1/none"), token_secret="another secret, of 32 characters or more")
    )

    with pytest.raises(NotSignedIn):
        tokens.verify(others.issue(CALLER).text)


def test_an_unsigned_token_is_worth_nothing(tokens: Tokens) -> None:
    header, claims = parts(tokens)
    text = signed(header | {"alg": "none"}, claims)

    for token in (text.rpartition(".")[0] + ".", text.rpartition(".")[0]):
        with pytest.raises(NotSignedIn):
            tokens.verify(token)


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "é", "\udfff", "\0", "x" * 10_000, "{}.{}.{}", "W10.W10.W10", "bnVsbA.bnVsbA."])
def test_what_is_no_token_is_refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(NotSignedIn):
        tokens.verify(token)


def test_a_token_that_is_too_long_is_not_even_read(tokens: Tokens) -> None:
    header, claims = parts(tokens)

    with pytest.raises(NotSignedIn):
        tokens.verify(signed(header, claims | {"padding": "x" * 4_096}))
