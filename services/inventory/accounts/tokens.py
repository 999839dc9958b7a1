"""Access tokens: signed, short-lived, and strict about every claim.

HS256, because one service issues and verifies; the key is derived from the secret in the settings for this purpose alone.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.model import AccountId, Role
from services.inventory.accounts.permissions import Caller
from services.runtime.ids import new_id
from services.runtime.settings import Settings

ACCESS_TOKEN_SECONDS = 900
TOKEN_LENGTH_MAX = 4_096  # an 8 MB token would cost half a second before it failed
ISSUER = "holdfast"
AUDIENCE = "holdfast-api"

_ALGORITHM = "HS256"
_TYPE = "at+jwt"
_LEEWAY_SECONDS = 5
_REQUIRED = ["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "role"]


@dataclass(frozen=True, slots=True)
class AccessToken:
    text: str
    expires_in_seconds: int


class Tokens:
    """Issues and verifies access tokens."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.token_secret.get_secret_value().encode()
        self._key = hmac.digest(secret, b"holdfast access token", hashlib.sha256)
        self._key_id = hashlib.sha256(self._key).hexdigest()[:8]
        self._jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

    def issue(self, caller: Caller) -> AccessToken:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(caller.account_id),
            "jti": str(new_id()),
            "iat": now,
            "nbf": now,
            "exp": now + ACCESS_TOKEN_SECONDS,
            "role": caller.role.value,
        }
        text = self._jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers={"typ": _TYPE, "kid": self._key_id})
        return AccessToken(text, ACCESS_TOKEN_SECONDS)

    def verify(self, token: str) -> Caller:
        """Whose token it is. Refuses: NotSignedIn, the same for every fault."""
        if len(token) > TOKEN_LENGTH_MAX:
            raise NotSignedIn
        try:
            decoded = self._jwt.decode_complete(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=_LEEWAY_SECONDS,
                options={"require": _REQUIRED},
            )
            return self._caller(decoded["header"], decoded["payload"])
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise NotSignedIn from error

    def _caller(self, header: dict[str, Any], claims: dict[str, Any]) -> Caller:
        if header.get("typ") != _TYPE or header.get("kid") != self._key_id:
            raise ValueError("another kind of token, or another key")
        if not 0 <= claims["exp"] - claims["iat"] <= ACCESS_TOKEN_SECONDS:
            raise ValueError("a lifetime that we never give")
        return Caller(AccountId(UUID(claims["sub"])), Role(claims["role"]))
