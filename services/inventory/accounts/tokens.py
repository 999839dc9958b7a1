"""Access tokens: signed, short-lived, and strict about every claim.

HS256, because one service issues and verifies. The name of the key comes from the token and so from whoever sent it: it is looked
up in our ring and never fetched, and with it goes one algorithm. Every instant is by the database's clock: that of this machine may be
wrong. Whether a token was revoked is not in the token: see access.py.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import jwt

from services.inventory.accounts.errors import NotSignedIn
from services.inventory.accounts.keys import KeyRing, derive
from services.inventory.accounts.model import ACCESS_SECONDS, AccountId, Role, SessionId
from services.inventory.accounts.permissions import Caller
from services.runtime.ids import new_id
from services.runtime.settings import Settings

TOKEN_LENGTH_MAX = 4_096  # an 8 MB token would cost half a second before it failed
ISSUER = "holdfast"
AUDIENCE = "holdfast-api"

_ALGORITHM = "HS256"
_TYPE = "at+jwt"
_EARLY_SECONDS_MAX = 5  # when another database takes over, its clock may be a little behind
# Three parts of base64url without padding. Of four spellings of the signature's last two bits one is right: a token has one text.
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
_CLAIMS = frozenset({"iss", "aud", "sub", "jti", "iat", "nbf", "exp", "sid", "role"})
_INSTANT_MAX = 1 << 40  # beyond it arithmetic with dates overflows; the year 36,812 is not ours to sign for


@dataclass(frozen=True, slots=True)
class AccessToken:
    text: str = field(repr=False)
    expires_in_seconds: int


@dataclass(frozen=True, slots=True)
class Verified:
    """What a genuine token says. Whether it was revoked since it was issued is still to be asked."""

    caller: Caller
    kid: str
    issued_at: float  # seconds since 1970, to the microsecond

    def is_live(self, now: datetime) -> bool:
        """Whether its time has come and is not over. To ask again whenever it is used: it was live a moment ago."""
        return self.issued_at - _EARLY_SECONDS_MAX <= now.timestamp() < int(self.issued_at) + ACCESS_SECONDS


class Tokens:
    """Issues and verifies access tokens."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.token_secret.get_secret_value().encode()
        self._jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

    def issue(self, caller: Caller, ring: KeyRing, *, issued_at: datetime) -> AccessToken:
        """A token for the caller's session, issued at an instant of the database's clock, by which it can be revoked."""
        instant = issued_at.timestamp()
        kid = ring.signing(issued_at).kid
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(caller.account_id),
            "jti": str(new_id()),
            "iat": instant,
            "nbf": int(instant),
            "exp": int(instant) + ACCESS_SECONDS,
            "sid": str(caller.session_id),
            "role": caller.role.value,
        }
        text = self._jwt.encode(claims, derive(self._secret, kid), algorithm=_ALGORITHM, headers={"typ": _TYPE, "kid": kid})
        return AccessToken(text, ACCESS_SECONDS)

    def verify(self, token: str, ring: KeyRing, *, now: datetime) -> Verified:
        """What a genuine token says, which is live now or was. Refuses: NotSignedIn, the same for every fault."""
        if len(token) > TOKEN_LENGTH_MAX or not _SHAPE.fullmatch(token):
            raise NotSignedIn
        try:
            kid = _kid(token, ring, now)
            claims = self._jwt.decode(
                token,
                derive(self._secret, kid),
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                # The instants are checked below: PyJWT would ask the clock of this machine, and takes "1795316564" for a number.
                options={"require": list(_CLAIMS), "strict_aud": True, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
            return _verified(claims, kid)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise NotSignedIn from error


def _kid(token: str, ring: KeyRing, now: datetime) -> str:
    header = jwt.get_unverified_header(token)
    kid = header.get("kid")
    if header.keys() != {"alg", "typ", "kid"} or header["typ"] != _TYPE or not isinstance(kid, str):
        raise ValueError("another kind of token")
    if not ring.verifying(kid, now):
        raise ValueError("no key of this name")
    return kid


def _verified(claims: dict[str, Any], kid: str) -> Verified:
    issued_at, begins_at, ends_at = claims["iat"], claims["nbf"], claims["exp"]
    if claims.keys() != _CLAIMS or type(issued_at) not in {int, float} or type(begins_at) is not int or type(ends_at) is not int:
        raise ValueError("not the claims that we give")
    if not 0 <= issued_at < _INSTANT_MAX or begins_at != int(issued_at) or ends_at != begins_at + ACCESS_SECONDS:
        raise ValueError("a lifetime that we never give")
    _uuid(claims["jti"])
    caller = Caller(AccountId(_uuid(claims["sub"])), Role(claims["role"]), SessionId(_uuid(claims["sid"])))
    return Verified(caller, kid, float(issued_at))


def _uuid(text: str) -> UUID:
    found = UUID(text)
    if str(found) != text:  # braces and a urn: are UUIDs to Python, and were never written by us
        raise ValueError("another spelling")
    return found
