"""Rows that nobody can ask for any more are deleted by age, a batch at a time, so that nobody waits for it."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Column, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

BATCH = 500  # rows in one transaction


async def delete_older(connection: AsyncConnection, column: Column[Any], *, than: timedelta) -> int:
    """Delete the oldest rows of the column's table whose instant lies further back, a batch of them; how many. The column is indexed.

    Skips what others have locked: any number may keep house at once.
    """
    key = tuple(column.table.primary_key)
    # now(), not the clock: a volatile call in the condition could not use the index.
    oldest = select(*key).where(column < func.now() - than).order_by(column).limit(BATCH).with_for_update(skip_locked=True)
    return (await connection.execute(delete(column.table).where(tuple_(*key).in_(oldest)))).rowcount
