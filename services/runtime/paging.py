"""Lists by keyset: a page starts after the last row seen, so the thousandth costs what the first does.

A cursor is opaque and signed, and bound to the list that it came from: it cannot be edited, and not used with other
filters or another order, where it would silently skip rows.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import ColumnClause, RowMapping, Select, Uuid, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.errors import Malformed
from services.runtime.settings import Settings

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

LIMIT_MAX = 200
LIMIT_DEFAULT = 50
CURSOR_LENGTH_MAX = 2_000  # a sku of 200 characters of four bytes, signed and encoded
_SIGNATURE_BYTES = 16


class BadCursor(Malformed):
    code = "bad_cursor"
    title = "Cursor cannot be used"

    def __init__(self) -> None:
        super().__init__("this cursor was not made for this list with these filters and this order; start again without it")


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two rows of a list, and the direction in which to read from there."""

    keys: tuple[str | int | UUID, ...]
    is_forward: bool = True


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    items: Sequence[T_co]
    next: Position | None
    previous: Position | None


async def fetch_page(
    connection: AsyncConnection,
    statement: Select[Any],
    keys: Sequence[ColumnClause[Any]],
    make: Callable[[RowMapping], T],
    *,
    position: Position | None,
    limit: int,
) -> Page[T]:
    """One page of the statement in ascending order of the keys, which must be unique together. One query."""
    is_forward = position is None or position.is_forward
    if position is not None:
        row = tuple_(*keys)
        seen = tuple_(*(literal(_typed(key, value), key.type) for key, value in zip(keys, position.keys, strict=True)))
        statement = statement.where(row > seen if is_forward else row < seen)
    order = keys if is_forward else [key.desc() for key in keys]
    # One row more than asked for tells whether there is more.
    rows = (await connection.execute(statement.order_by(*order).limit(limit + 1))).mappings().all()
    shown = rows[:limit] if is_forward else rows[limit - 1 :: -1] if len(rows) > limit else rows[::-1]
    has_more = len(rows) > limit
    names = [str(key.key) for key in keys]
    return Page(
        items=[make(row) for row in shown],
        next=_edge(shown[-1:], names, is_forward=True) if has_more or not is_forward else None,
        previous=_edge(shown[:1], names, is_forward=False) if position is not None and (has_more or is_forward) else None,
    )


def _typed(key: ColumnClause[Any], value: str | int | UUID) -> str | int | UUID:
    return UUID(str(value)) if isinstance(key.type, Uuid) else value


def _edge(rows: Sequence[RowMapping], names: Sequence[str], *, is_forward: bool) -> Position | None:
    return Position(tuple(rows[0][name] for name in names), is_forward) if rows else None


class Cursors:
    """Positions as text that only we can make."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.token_secret.get_secret_value().encode()
        self._key = hmac.digest(secret, b"holdfast cursor", hashlib.sha256)

    def encode(self, position: Position, *, of_list: str) -> str:
        """`of_list` names the list with its filters and order."""
        payload = orjson.dumps([position.is_forward, *position.keys], default=str)
        return base64.urlsafe_b64encode(self._sign(payload, of_list) + payload).rstrip(b"=").decode()

    def decode(self, cursor: str, *, of_list: str) -> Position:
        """Refuses: BadCursor."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except ValueError as error:
            raise BadCursor from error
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(payload, of_list)):
            raise BadCursor
        is_forward, *keys = orjson.loads(payload)
        return Position(tuple(keys), is_forward)

    def _sign(self, payload: bytes, of_list: str) -> bytes:
        return hmac.digest(self._key, of_list.encode() + b"\0" + payload, hashlib.sha256)[:_SIGNATURE_BYTES]
