"""Without these, something happens and nobody hears of it, or hears of what never happened."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime import outbox
from services.runtime.database import Database as OurDatabase
from services.runtime.ids import new_id
from services.runtime.logs import request_id
from tests.support.database import Database


@dataclass(frozen=True, slots=True)
class DoorOpened:
    name: ClassVar[str] = "door.opened"
    door_id: UUID
    width: int

    @property
    def entity_id(self) -> UUID:
        return self.door_id


async def open_doors(connection: AsyncConnection, count: int) -> None:
    for width in range(count):
        await outbox.append(connection, DoorOpened(new_id(), width))


async def take(ours: OurDatabase, limit: int = 10, *names: str) -> list[str]:
    return [event.facts["width"] for event in await ours.transact(outbox.take, names=names or ("door.opened",), limit=limit)]


async def test_an_event_is_taken_as_it_was_told_and_only_once(ours: OurDatabase) -> None:
    door = DoorOpened(new_id(), 90)
    token = request_id.set("a-request")
    await ours.transact(outbox.append, door)
    request_id.reset(token)

    [event] = await ours.transact(outbox.take, names=["door.opened"], limit=10)

    assert (event.name, event.entity_id, event.request_id) == ("door.opened", door.door_id, "a-request")
    assert event.facts == {"door_id": str(door.door_id), "width": "90"}
    assert await take(ours) == []


async def test_events_are_taken_in_order_and_no_more_than_asked_for(ours: OurDatabase) -> None:
    await ours.transact(open_doors, 5)

    assert [await take(ours, 2), await take(ours, 2), await take(ours, 2)] == [["0", "1"], ["2", "3"], ["4"]]


async def test_events_that_nobody_here_knows_are_left(ours: OurDatabase, database: Database) -> None:
    await ours.transact(open_doors, 1)

    assert await take(ours, 10, "door.closed") == []
    assert await database.rows("SELECT done_at FROM outbox") == [(None,)]


async def test_what_is_rolled_back_was_never_told(ours: OurDatabase, database: Database) -> None:
    async def change_its_mind(connection: AsyncConnection) -> None:
        await open_doors(connection, 1)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        await ours.transact(change_its_mind)

    assert await database.rows("SELECT * FROM outbox") == []


async def test_events_whose_handling_failed_are_taken_again(ours: OurDatabase) -> None:
    async def fail(connection: AsyncConnection) -> None:
        assert len(await outbox.take(connection, names=["door.opened"], limit=10)) == 2
        raise ArithmeticError

    await ours.transact(open_doors, 2)
    with pytest.raises(ArithmeticError):
        await ours.transact(fail)

    assert await take(ours) == ["0", "1"]


async def test_two_who_take_at_once_share_the_work(ours: OurDatabase) -> None:
    async def both(connection: AsyncConnection) -> tuple[int, list[str]]:
        mine = await outbox.take(connection, names=["door.opened"], limit=1)
        return len(mine), await take(ours)

    await ours.transact(open_doors, 3)

    assert await ours.transact(both) == (1, ["1", "2"])
