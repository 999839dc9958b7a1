"""What happened, written down in the transaction in which it happened.

An event that is not in the outbox did not happen, and one that is there will be heard: the relay moves it on, however
often anything is killed in between. Never page through it by its ids: they are given out before their transactions commit.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import ClassVar, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    DateTime,
    Float,
    Identity,
    Index,
    Select,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import metadata
from services.runtime.housekeeping import delete_older
from services.runtime.logs import request_id

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("entity_id", Uuid, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("request_id", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("done_at", DateTime(timezone=True)),
)
# Serves `take`: the relay looks for what is not done, oldest first.
Index("outbox_not_done", outbox.c.event_id, postgresql_where=text("done_at IS NULL"))
# Serves `forget_handled`.
Index("outbox_by_age", outbox.c.done_at, postgresql_where=text("done_at IS NOT NULL"))

HANDLED_KEPT = timedelta(days=7)  # whoever looks into what went wrong last week still finds what happened then


class Event(Protocol):
    """A frozen dataclass of plain values with a name such as `reservation.confirmed`."""

    name: ClassVar[str]

    @property
    def entity_id(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the outbox keeps it."""

    event_id: int
    name: str
    entity_id: UUID
    facts: Mapping[str, str]
    request_id: str | None
    created_at: datetime


class Backlog(NamedTuple):
    """What is owed and not done."""

    depth: int
    oldest_seconds: float  # how long the oldest of it has waited; 0 if there is none


def backlog_of(since: Column[datetime], is_owed: ColumnElement[bool]) -> Select[int, float]:
    """Counts what is owed of a table, and says for how many seconds the oldest has been."""
    waited = func.clock_timestamp() - func.min(since)
    return select(func.count(), func.coalesce(cast(func.extract("epoch", waited), Float), 0.0)).where(is_owed)


_RECORDED = (outbox.c.event_id, outbox.c.name, outbox.c.entity_id, outbox.c.facts, outbox.c.request_id, outbox.c.created_at)
_APPEND = insert(outbox)
_NEXT = (
    select(outbox.c.event_id)
    .where(outbox.c.done_at.is_(None), outbox.c.name == func.any(bindparam("names", type_=ARRAY(Text))))
    .order_by(outbox.c.event_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_TAKE = update(outbox).where(outbox.c.event_id.in_(_NEXT.scalar_subquery())).values(done_at=func.clock_timestamp()).returning(*_RECORDED)
_PEEK = (
    select(*_RECORDED)
    .where(outbox.c.done_at.is_(None), outbox.c.name == func.any(bindparam("names", type_=ARRAY(Text))))
    .order_by(outbox.c.event_id)
    .limit(bindparam("limit"))
)
_DONE = (
    update(outbox)
    .where(outbox.c.event_id == func.any(bindparam("ids", type_=ARRAY(BigInteger))), outbox.c.done_at.is_(None))
    .values(done_at=func.clock_timestamp())
    .returning(outbox.c.name)
)


_IS_OWED = outbox.c.done_at.is_(None) & (outbox.c.name == func.any(bindparam("names", type_=ARRAY(Text))))
_BACKLOG = backlog_of(outbox.c.created_at, _IS_OWED)


async def append(connection: AsyncConnection, event: Event) -> None:
    """Record the event in the caller's transaction: it happens if that commits, and only then."""
    facts = {name: str(value) for name, value in asdict(event).items()}  # type: ignore[call-overload]  # a Protocol cannot say "dataclass"
    values = {"name": event.name, "entity_id": event.entity_id, "facts": facts, "request_id": request_id.get()}
    await connection.execute(_APPEND, values)


async def take(connection: AsyncConnection, *, names: Collection[str], limit: int) -> Sequence[Recorded]:
    """Up to `limit` events of these names that nobody has handled, marked as handled by this transaction.

    Locks the rows it takes and skips locked ones, so any number of relays share the work. What the caller does with the
    events must happen in the same transaction: if that rolls back, they are still there.
    """
    rows = (await connection.execute(_TAKE, {"names": list(names), "limit": limit})).mappings()
    return sorted((Recorded(**row) for row in rows), key=lambda event: event.event_id)


async def peek(connection: AsyncConnection, *, names: Collection[str], limit: int) -> Sequence[Recorded]:
    """Up to `limit` events of these names that nobody has handled, for a reaction that may happen twice: nothing is locked."""
    return [Recorded(**row) for row in (await connection.execute(_PEEK, {"names": list(names), "limit": limit})).mappings()]


async def mark_done(connection: AsyncConnection, event_ids: Collection[int]) -> Sequence[str]:
    """Their reactions have happened; the names of those of which nobody else has said so."""
    return [row.name for row in await connection.execute(_DONE, {"ids": list(event_ids)})]


async def read_backlog(connection: AsyncConnection, *, names: Collection[str]) -> Backlog:
    """The events of these names that nobody has handled. Index: outbox_not_done."""
    return Backlog(*(await connection.execute(_BACKLOG, {"names": list(names)})).one())


async def forget_handled(connection: AsyncConnection) -> int:
    """Forget a batch of events that were handled long ago; how many. What nobody has handled stays. Index: outbox_by_age."""
    return await delete_older(connection, outbox.c.done_at, than=HANDLED_KEPT)
