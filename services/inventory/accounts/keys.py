"""The ring of signing keys: the one that signs, and those that still verify.

The database holds the names of keys and when they were made; a key itself is derived from the secret in the settings and
its name, so a dump of the database signs nothing. Every process rereads the names within seconds. A new key signs only
when all of them must know it, and an old one verifies until the last token that it signed has ended: a rotation refuses nobody.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.inventory.accounts.model import ACCESS_SECONDS

SIGNS_AFTER_SECONDS = 5  # every process has reread the ring twice by then


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys as of one reading, newest first."""

    keys: Sequence[SigningKey]

    def signing(self, issued_at: datetime) -> SigningKey:
        """The one for a token of this instant: the newest that every process must have known then."""
        return next(key for key in self.keys if _signs_from(key) <= issued_at)

    def verifying(self, kid: str, now: datetime) -> bool:
        """Whether a token under this name can still be alive: its key signs, will sign, or signed not long ago."""
        for position, key in enumerate(self.keys):
            if key.kid == kid:
                return position == 0 or now < _signs_from(self.keys[position - 1]) + timedelta(seconds=ACCESS_SECONDS)
        return False


def derive(secret: bytes, kid: str) -> bytes:
    """The key of this name: HKDF-SHA-256 (RFC 5869), whose one block is enough for HS256."""
    pseudorandom = hmac.digest(b"holdfast access token", secret, hashlib.sha256)
    return hmac.digest(pseudorandom, kid.encode() + b"\x01", hashlib.sha256)


def _signs_from(key: SigningKey) -> datetime:
    return key.created_at + timedelta(seconds=SIGNS_AFTER_SECONDS)
