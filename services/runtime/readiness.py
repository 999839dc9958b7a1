"""Whether the database is the one that this code was written for."""

from functools import cache
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"

_FACTS = text(
    """
    SELECT version_num, current_setting('lock_timeout') AS lock_timeout, current_setting('statement_timeout') AS statement_timeout
      FROM alembic_version
    """
)
_NO_LIMIT = "0"


@cache
def newest_migration() -> str:
    """The revision of the last migration in this code; revisions sort by the date in front."""
    return max("_".join(path.stem.split("_")[:2]) for path in VERSIONS.glob("*.py"))


async def find_fault(connection: AsyncConnection) -> str | None:
    """A sentence about what is not as it must be, or None. One statement.

    A schema newer than the code is fine: during a deploy the old code runs on it.
    """
    try:
        row = (await connection.execute(_FACTS)).one_or_none()
    except ProgrammingError:
        row = None
    if row is None or row.version_num < newest_migration():
        return f"the schema is older than the code, which needs {newest_migration()}; run `holdfast migrate`"
    if _NO_LIMIT in {row.lock_timeout, row.statement_timeout}:
        return "lock_timeout or statement_timeout is not in force; behind a pooler, set them on the role"
    return None
