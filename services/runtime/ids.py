"""Ids that sort by time."""

import os
import random
import time
from uuid import UUID


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits. Unguessable, yet new rows land together in an index."""
    return UUID(_text(int.from_bytes(os.urandom(10))))


def request_id_text() -> str:
    """The same as text, for what nobody gains anything by guessing: it asks the system for nothing."""
    return _text(random.getrandbits(80))  # as it says


def _text(noise: int) -> str:
    instant, digits = f"{time.time_ns() // 1_000_000:012x}", f"{noise:020x}"
    # Twelve random bits after the version, sixty-two after the variant, of whose digit two are random.
    return f"{instant[:8]}-{instant[8:]}-7{digits[:3]}-{'89ab'[noise & 3]}{digits[3:6]}-{digits[6:18]}"
