"""Statements that SQLAlchemy writes once, and that the driver runs by itself: for what is asked most.

Around each statement SQLAlchemy looks up its text, makes a cursor and a result, and switches between two kinds of waiting. For
one row that takes three times as long as the driver takes for all of it.
"""

import logging
from collections.abc import Mapping
from typing import Any, cast

import asyncpg
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler

from services.runtime.trips import current_trips

_DIALECT = dialect()  # type: ignore[no-untyped-call]
_printed = logging.getLogger("sqlalchemy.engine.Engine.direct")  # as SQLAlchemy's own are, where somebody wants to see every statement


class Written:
    """The SQL of a statement. What it compares with by name is given whenever it runs, as the driver takes it."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled = cast(SQLCompiler, statement.compile(dialect=_DIALECT))
        self.sql = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        self._known = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}

    def arguments(self, given: Mapping[str, Any]) -> list[Any]:
        """Raises KeyError if one is missing."""
        return [given[name] if name in given else self._known[name] for name in self._names]


class Direct:
    """One connection of the driver. Each statement is one round trip, once it has a name there."""

    def __init__(self, driver: asyncpg.Connection) -> None:
        self.round_trips = 0
        self.is_unanswered = False  # a statement may still be answered, to whoever asks next
        self._driver = driver

    async def all(self, statement: Written, **given: Any) -> list[asyncpg.Record]:
        """Its rows. Raises what the driver raises."""
        if self.is_unanswered:
            raise RuntimeError("one statement at a time")
        arguments = statement.arguments(given)
        if _printed.isEnabledFor(logging.INFO):
            _printed.info("%s", statement.sql)
        self.round_trips += 1
        current_trips().database += 1
        self.is_unanswered = True
        try:
            rows: list[asyncpg.Record] = await self._driver.fetch(statement.sql, *arguments)
        except asyncpg.PostgresError:
            self.is_unanswered = False
            raise
        except asyncpg.InternalClientError as error:  # the server has said that it goes, and has not hung up yet
            raise asyncpg.ConnectionDoesNotExistError("the connection is ending") from error
        except asyncpg.InterfaceError as error:
            if self._driver.is_closed():
                raise
            raise TypeError("the driver was asked for what it cannot do") from error  # or it would read as an outage
        self.is_unanswered = False
        return rows

    async def one(self, statement: Written, **given: Any) -> asyncpg.Record | None:
        """The first of them."""
        rows = await self.all(statement, **given)
        return rows[0] if rows else None


async def within(connection: AsyncConnection) -> Direct:
    """The driver in the transaction of a connection, which SQLAlchemy begins with its first statement. Raises ValueError before that."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if not driver.is_in_transaction():
        raise ValueError("no transaction has begun yet")
    return Direct(driver)
