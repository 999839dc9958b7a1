"""What readers of logs and error reports must not see, masked by the name that it goes under and by what it looks like.

The second line of defence. The first is to say nothing of the kind; but libraries speak too, and errors quote what they were given.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

MASK = "…"
OPAQUE_LENGTH_MIN = 43  # what 256 bits are in base64: refresh tokens, those of links, signatures; other secrets are longer
NAMES_MAX = 1_000  # that are remembered; ours are some dozens, but a mapping may bring names from outside

_SECRET_NAME = re.compile(r"passw|pepper|secret|token|credential|authori[sz]ation|cookie|dsn|e_?mail|address|recipient", re.IGNORECASE)
# Each alternative reads a place of the text once or so: no text, whoever wrote it, can make this slow.
_SECRET = re.compile(
    r"""
      eyJ[\w-]+(?:\.[\w-]*)*                                               # a JWT, or what is left of one
    | (?<=://)[^\s/"'<>]+(?=@)                                            # who signs in to a server, and with what
    | (?<![\w.+%-])[\w.+%-]++@[\w.-]+                                     # a mail address
    | (?<![\w-])(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{43,}                    # opaque; long names of ours have no capitals
    | \$2[aby]\$\d\d\$[./A-Za-z0-9]{53}                                     # a hashed password
    | (?P<word>[Bb]earer\s+)\S+
    | (?P<name>(?i:(?:passw(?:or)?d|pepper|secret|token|cookie|authorization|dsn)[\w-]{0,20}["']?\s?[=:]\s?))
      (?:(?i:bearer|basic)\s\S+|"[^"]{0,200}"?|'[^']{0,200}'?|[^\s"',;&)}\]<>]+)
    """,
    re.VERBOSE,
)
_PLAIN = (bool, int, float, UUID, datetime, type(None))


def mask(text: str) -> str:
    """The text without what looks like a secret or a mail address."""
    return _SECRET.sub(rf"\g<word>\g<name>{MASK}", text) if _may_hide_one(text) else text


def masked(value: Any, name: str = "") -> Any:
    """The value without secrets, however deep they lie in it; all of it is one if its name says so."""
    if name and _is_secret(name):
        return MASK
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {mask(str(key)): masked(part, str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(part) for part in value]
    return mask(repr(value))  # as it would be written


@lru_cache(NAMES_MAX)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _may_hide_one(text: str) -> bool:
    """Whether to look closer. Most values are words and ids, and a closer look takes longer than writing the line."""
    return len(text) >= OPAQUE_LENGTH_MIN or "@" in text or ":" in text or "=" in text or "eyJ" in text or "earer " in text
