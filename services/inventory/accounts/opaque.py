"""Tokens that mean nothing by themselves: refresh tokens, and those of mailed links. Only their hash is ever stored."""

import hashlib
import secrets

_BYTES = 32


def new_token() -> str:
    """256 random bits, as text that may stand in a link."""
    return secrets.token_urlsafe(_BYTES)


def hash_token(token: str) -> bytes:
    """What is stored of it. Enough without salt or cost: nobody guesses 256 random bits from their hash."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
