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
from asyncpg import Record
from sqlalchemy import ColumnElement, DateTime, Integer, RowMapping, Select, Uuid, bindparam, literal, literal_column, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from services.runtime.direct import Direct, Written
from services.runtime.errors import Malformed
from services.runtime.settings import Settings

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Row = TypeVar("Row", RowMapping, Record)
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

    def sort(self, statement: Select[Any], *, is_forward: bool) -> Select[Any]:
        """In reading order, which is from the end of the list when the window reads backward."""
        rises = is_forward != self.is_descending
        return statement.order_by(*(key.asc() if rises else key.desc() for key in self.keys))

    def cut(self, statement: Select[Any], window: Window, *, rows: int | None = None) -> Select[Any]:
        """The rows of the window in reading order, and one more, which tells whether there are more."""
        if window.position is not None:
            seen = [literal(value, key.type) for key, value in zip(self.keys, self.values(window.position), strict=True)]
            statement = self.beyond(statement, seen, is_forward=window.is_forward)
        return self.sort(statement, is_forward=window.is_forward).limit(window.limit + 1 if rows is None else rows)

    def beyond(self, statement: Select[Any], seen: Sequence[ColumnElement[Any]], *, is_forward: bool) -> Select[Any]:
        """The rows after the one with these keys, in reading order."""
        here, there = tuple_(*self.keys), tuple_(*seen)
        return statement.where(here > there if is_forward != self.is_descending else here < there)

    def values(self, position: Position) -> list[Key]:
        """The keys of a position as they were before they went through a cursor. Refuses: BadCursor."""
        if len(position.keys) != len(self.keys):  # of a list that has been sorted otherwise since
            raise BadCursor
        return [_typed(key, value) for key, value in zip(self.keys, position.keys, strict=True)]


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
    keyed, labels = _with_keys(statement, order)
    rows = (await connection.execute(order.cut(keyed, window))).mappings().all()
    total = await estimate_rows(connection, statement) if window.wants_total else None
    return page_of(rows, labels, make, window=window, total_estimate=total)


class WrittenList(Generic[T]):
    """A list that is asked for in one way only, but for the place in it: its SQL is written once, for the driver itself.

    The length of an ordinary page is part of it: PostgreSQL plans a statement anew each time if it does not know how few rows it gives.
    """

    def __init__(self, statement: Select[Any], order: Order, make: Callable[[Record], T]) -> None:
        keyed, self._labels = _with_keys(statement, order)
        self._order = order
        self._make = make
        self._seen = [f"seen_{number}" for number in range(len(order.keys))]
        seen = [bindparam(name, type_=key.type) for key, name in zip(order.keys, self._seen, strict=True)]
        self._first = _Cuts(order.sort(keyed, is_forward=True))
        self._beyond = {ahead: _Cuts(order.sort(order.beyond(keyed, seen, is_forward=ahead), is_forward=ahead)) for ahead in (True, False)}

    async def read(self, direct: Direct, window: Window) -> Page[T]:
        """The window of it, without an estimate. One query. Refuses: BadCursor."""
        cuts, seen = self._first, {}
        if window.position is not None:
            cuts = self._beyond[window.is_forward]
            seen = dict(zip(self._seen, self._order.values(window.position), strict=True))
        if window.limit == LIMIT_DEFAULT:
            rows = await direct.all(cuts.ordinary, **seen)
        else:
            rows = await direct.all(cuts.any, rows=window.limit + 1, **seen)
        return page_of(rows, self._labels, self._make, window=window)


class _Cuts:
    """The rows of a page of LIMIT_DEFAULT and the one more, and as many as `rows` says."""

    def __init__(self, statement: Select[Any]) -> None:
        self.ordinary = Written(statement.limit(literal_column(str(LIMIT_DEFAULT + 1))))
        self.any = Written(statement.limit(bindparam("rows", type_=Integer)))


def _with_keys(statement: Select[Any], order: Order) -> tuple[Select[Any], Sequence[str]]:
    """The statement with a column more for each key, and the names of these."""
    labels = [f"key_{number}" for number in range(len(order.keys))]
    return statement.add_columns(*(key.label(label) for key, label in zip(order.keys, labels, strict=True))), labels


def page_of(
    rows: Sequence[Row], labels: Sequence[str], make: Callable[[Row], T], *, window: Window, total_estimate: int | None = None
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


def _edge(rows: Sequence[Row], labels: Sequence[str], *, is_forward: bool) -> Position | None:
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
