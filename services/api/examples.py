"""Examples for the OpenAPI document. A word means one thing everywhere, so it needs one example.

What is named here exists in the demo data, so that a request made of examples succeeds there. Where a field needs another
example than its name suggests, it says so itself: `Field(examples=[...])`.
"""

import inspect
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.inventory.accounts.permissions import Permission
from services.inventory.reservations.errors import InsufficientStock
from services.inventory.reservations.model import State, Transition
from services.runtime.errors import Invalid, Refusal

Schema = Mapping[str, Any]

RESERVATION_ID = "0197a3f0-7c1e-7000-8000-5f2a9c3b1d04"
ITEM_ID = "0197a3f0-7c1e-7000-8000-2b6e4d8f7a10"

# By the name of a member or parameter.
WORDS: Mapping[str, Any] = {
    "account_id": "0197a3f0-7c1e-7000-8000-9d1c3e5f7b20",
    "access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJhdCtqd3QifQ.eyJzdWIiOiIwMTk3In0.c2lnbmF0dXJl",
    "actor": "0197a3f0-7c1e-7000-8000-9d1c3e5f7b20",
    "allocated": 0,
    "attributes": {"colour": "white"},
    "available": 210,
    "backorder_limit": 0,
    "cache": "ok",
    "category": "clothing",
    "current_password": "the password of your account",
    "code": "AMS",
    "currency": "EUR",
    "database": "ok",
    "delta": 12,
    "derived": 2,
    "details": {"from": "customer", "to": "staff"},
    "disabled": False,
    "description": "Cotton, 180 g/m²",
    "email": "ann@example.com",
    "expires_at": "2026-11-24T10:25:00Z",
    "expires_in": 900,
    "external_ref": "cart-81",
    "fulfilled": 0,
    "full_name": "Ann Bakker",
    "held": 2,
    "Idempotency-Key": "a-key-of-your-own",
    "If-Match": "*",
    "item_id": ITEM_ID,
    "ip": "203.0.113.7",
    "is_current": True,
    "links": {"self": f"/v1/reservations/{RESERVATION_ID}", "confirm": f"/v1/reservations/{RESERVATION_ID}/confirm"},
    "low_stock_at": 5,
    "metadata": {"channel": "web"},
    "name": "Holdfast tee, M",
    "new_password": "four words or more",
    "next_cursor": "c2lnbmF0dXJlW3RydWUsIlRFRS1NIl0",
    "on_hand": 212,
    "on_hand_after": 212,
    "password": "the password of your account",
    "pointer": "/items/0",
    "price_minor": 2200,
    "priority": 10,
    "quantity": 2,
    "reference": "delivery 4711",
    "refresh_token": "q3VtbGx5cmFuZG9tYnl0ZXNvZmFzZXNzaW9uZmFt",
    "released": 0,
    "request_id": "0197a3f0-7c1e-7000-8000-4c8e2a6f1b90",
    "reservation_id": RESERVATION_ID,
    "safety_stock": 0,
    "sku": "TEE-M",
    "stored": 3,
    "token": "bGlua3NhcmVnb29kb25jZWFuZGZvcmhhbGZhbmhvdXI",
    "user_agent": "Mozilla/5.0",
    "username": "customer@holdfast.example",
    "version": 1,
    "warehouse": "AMS",
    "what": "held",
}
_FORMATS: Mapping[str, Any] = {"uuid": RESERVATION_ID, "date-time": "2026-11-24T10:15:00Z"}

# By the name of what a refusal's constructor asks for.
_FACTS: Mapping[str, Any] = {
    **WORDS,
    "burst": 300,
    "detail": "the request is not valid; errors says where",
    "expired_at": datetime(2026, 11, 24, 10, 15, tzinfo=UTC),
    "items": (),
    "key": "TEE-XXL",
    "limit": "account",
    "member": "password",
    "of_lines": 2,
    "permission": Permission.STOCK_ADJUST,
    "reason": "Expecting value",
    "retry_after_seconds": 1,
    "seconds": 6,
    "state": State.CANCELLED,
    "transition": Transition.CONFIRM,
    "what": "TEE-M in AMS",
}
_FAULT = {"pointer": "/items/0", "sku": "TEE-M", "warehouse": "AMS"}
_FAULTS: Mapping[type[Refusal], Mapping[str, Any]] = {
    Invalid: {"pointer": "/lines/0/quantity", "detail": "Input should be greater than or equal to 1"},
    InsufficientStock: {"pointer": "/lines/0", "sku": "TEE-M", "warehouse": "AMS", "requested": 3, "available": 1},
}


def refusal_of(kind: type[Refusal]) -> Refusal:
    """One refusal of this class, with the sentence that a client would get. Raises LookupError if nobody gave an example."""
    facts = {**_FACTS, "faults": [_FAULTS.get(kind, _FAULT)]}
    names = inspect.signature(kind).parameters
    if unknown := names - facts.keys():
        raise LookupError(f"there is no example for what {kind.__name__} says: give {unknown} one in services/api/examples.py")
    return kind(**{name: facts[name] for name in names})


def of_schema(schema: Schema, components: Mapping[str, Schema], *, word: str = "") -> Any:
    """A value that the schema allows; `word` is the name that it goes by. Raises LookupError if nobody gave an example."""
    match schema:
        case {"examples": [example, *_]}:
            return example
        case _ if word in WORDS:
            return WORDS[word]
        case {"$ref": str(reference)}:
            return of_schema(components[reference.rpartition("/")[2]], components)
        case {"properties": members}:
            shown = {name: member for name, member in members.items() if name in schema.get("required", ()) or "examples" in member}
            return {name: of_schema(member, components, word=name) for name, member in shown.items()}
        case {"items": item}:
            return [of_schema(item, components)]
    return _of_plain(schema, word)


def _of_plain(schema: Schema, word: str) -> Any:
    match schema:
        case {"const": value} | {"enum": [value, *_]}:
            return value
        case {"format": str(name)}:
            return _FORMATS[name]
        case {"anyOf": [*_, {"type": "null"}]}:
            return None
    raise LookupError(f"there is no example for {word!r}: give one in services/api/examples.py, or with Field(examples=[...])")
