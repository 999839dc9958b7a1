"""Lists by keyset: a page starts after the last row seen, so the thousandth costs what the first does.

A cursor is opaque and signed, and bound to the list that it came from: it cannot be edited, and not used with other
filters or another order, where it would silently skip rows.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, DateTime, RowMapping, Select, Uuid, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from services.runtime.errors import Malformed
from services.runtime.settings import Settings

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Key: TypeAlias = str | int | datetime | UUID

LIMIT_MAX = 200
LIMIT_DEFAULT = 50
CURSOR_LENGTH_MAX = 2_000  # the longest name, each of its characters escaped, signed and in Base64
_SIGNATURE_BYTES = 16


class BadCursor(Malformed):
    code = "bad_cursor"
    title = "Cursor cannot be used"

    def __init__(self) -> None:
        super().__init__("this cursor was not made for this list with these filters and this order; start again without it")


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two rows of a list, and the direction in which to read from there."""

    keys: tuple[Key, ...]
    is_forward: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that somebody asks for."""

    position: Position | None = None
    limit: int = LIMIT_DEFAULT
    wants_total: bool = False

    @property
    def is_forward(self) -> bool:
        return self.position is None or self.position.is_forward


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted: by keys that are never null and unique together, all in one direction.

    One direction for all, so that a position is one row comparison, which an index on the keys answers from both ends.
    """

    keys: tuple[ColumnElement[Any], ...]
    is_descending: bool = False

    def of(self, *keys: ColumnElement[Any]) -> "Order":
        """The same order where the keys have other names, in an enclosing query for instance."""
        return Order(keys, self.is_descending)

    def sort(self, statement: Select[Any], window: Window) -> Select[Any]:
        """In reading order, which is from the end of the list when the window reads backward."""
        return statement.order_by(*(key.asc() if self._rises(window) else key.desc() for key in self.keys))

    def cut(self, statement: Select[Any], window: Window, *, rows: int | None = None) -> Select[Any]:
        """The rows of the window in reading order, and one more, which tells whether there are more."""
        if window.position is not None:
            here, seen = tuple_(*self.keys), tuple_(*self._values(window.position))
            statement = statement.where(here > seen if self._rises(window) else here < seen)
        return self.sort(statement, window).limit(window.limit + 1 if rows is None else rows)

    def _rises(self, window: Window) -> bool:
        return window.is_forward != self.is_descending

    def _values(self, position: Position) -> list[ColumnElement[Any]]:
        if len(position.keys) != len(self.keys):  # of a list that has been sorted otherwise since
            raise BadCursor
        return [literal(_typed(key, value), key.type) for key, value in zip(self.keys, position.keys, strict=True)]


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    items: Sequence[T_co]
    next: Position | None
    previous: Position | None
    total_estimate: int | None = None


async def fetch_page(
    connection: AsyncConnection, statement: Select[Any], order: Order, make: Callable[[RowMapping], T], *, window: Window
) -> Page[T]:
    """The window of what the statement selects. One query, and one more for the estimate where that is wanted."""
    labels = [f"key_{number}" for number in range(len(order.keys))]
    keyed = statement.add_columns(*(key.label(label) for key, label in zip(order.keys, labels, strict=True)))
    rows = (await connection.execute(order.cut(keyed, window))).mappings().all()
    total = await estimate_rows(connection, statement) if window.wants_total else None
    return page_of(rows, labels, make, window=window, total_estimate=total)


def page_of(
    rows: Sequence[RowMapping], labels: Sequence[str], make: Callable[[RowMapping], T], *, window: Window, total_estimate: int | None = None
) -> Page[T]:
    """A page from the rows of a cut in reading order, whose columns `labels` are the keys."""
    has_more = len(rows) > window.limit
    shown = rows[: window.limit] if window.is_forward else rows[: window.limit][::-1]
    has_next = has_more or not window.is_forward
    has_previous = window.position is not None and (has_more or window.is_forward)
    return Page(
        items=[make(row) for row in shown],
        next=_edge(shown[-1:], labels, is_forward=True) if has_next else None,
        previous=_edge(shown[:1], labels, is_forward=False) if has_previous else None,
        total_estimate=total_estimate,
    )


async def estimate_rows(connection: AsyncConnection, statement: Select[Any]) -> int:
    """How many rows the statement selects, as the planner thinks: from statistics, without reading them."""
    [plan] = (await connection.execute(_Explain(statement))).scalar_one()
    rows: int = plan["Plan"]["Plan Rows"]
    return rows


class _Explain(Executable, ClauseElement):
    inherit_cache = False  # the statement inside has its own key

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(_Explain)
def _explain(element: _Explain, compiler: SQLCompiler, **options: Any) -> str:
    return "EXPLAIN (FORMAT JSON) " + compiler.process(element.statement, **options)


def _typed(key: ColumnElement[Any], value: Key) -> Key:
    """A key as it was before it went through a cursor."""
    if isinstance(key.type, Uuid):
        return UUID(str(value))
    if isinstance(key.type, DateTime):
        return datetime.fromisoformat(str(value))
    return value


def _edge(rows: Sequence[RowMapping], labels: Sequence[str], *, is_forward: bool) -> Position | None:
    return Position(tuple(rows[0][label] for label in labels), is_forward) if rows else None


class Cursors:
    """Positions as text that only we can make."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.token_secret.get_secret_value().encode()
        self._key = hmac.digest(secret, b"holdfast cursor", hashlib.sha256)

    def encode(self, position: Position, *, of_list: str) -> str:
        """`of_list` names the list with its filters and order."""
        payload = orjson.dumps([position.is_forward, *position.keys], default=str)  # the driver has its own UUID
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
