"""What is done at most once in so much time, by however many processes.

A turn is a row, taken in the transaction that does the work: whoever is killed half-way has not taken it.
"""

from datetime import datetime, timedelta

from sqlalchemy import Column, DateTime, Interval, Table, Text, bindparam, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import metadata

turns = Table(
    "turns",
    metadata,
    Column("name", Text, primary_key=True),
    Column("taken_at", DateTime(timezone=True), nullable=False),
)
_take = insert(turns).values(name=bindparam("name"), taken_at=func.clock_timestamp())
_TAKE = _take.on_conflict_do_update(
    index_elements=[turns.c.name],
    set_={"taken_at": func.clock_timestamp()},
    where=turns.c.taken_at <= func.clock_timestamp() - bindparam("every", type_=Interval),
).returning(turns.c.taken_at)


async def take(connection: AsyncConnection, name: str, *, every: timedelta) -> datetime | None:
    """When the turn was taken, which is now, or None if it was somebody's within that time.

    Who asks while another is about to take it waits for that transaction, and gets it only if that one rolls back.
    """
    taken_at: datetime | None = (await connection.execute(_TAKE, {"name": name, "every": every})).scalar_one_or_none()
    return taken_at
