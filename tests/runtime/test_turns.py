"""Without these, what may happen once a minute happens as often as there are processes."""

from datetime import timedelta

from services.runtime import turns
from services.runtime.database import Database as OurDatabase
from tests.races.gate import together_at_the_gate
from tests.support.database import Database

_MINUTE = timedelta(minutes=1)


async def test_each_turn_is_taken_once_in_its_time(database: Database, ours: OurDatabase) -> None:
    another = await ours.transact(turns.take, "count the seats", every=_MINUTE)
    first = await ours.transact(turns.take, "sweep the stage", every=_MINUTE)
    second = await ours.transact(turns.take, "sweep the stage", every=_MINUTE)
    await database.do("UPDATE turns SET taken_at = taken_at - interval '1 minute'")
    third = await ours.transact(turns.take, "sweep the stage", every=_MINUTE)

    assert another is not None
    assert first is not None
    assert second is None
    assert third is not None
    assert third > first


async def test_of_many_at_once_one_has_the_turn(database: Database, ours: OurDatabase) -> None:
    for _ in range(3):
        taken = await together_at_the_gate(
            database,
            *(ours.transact(turns.take, "sweep the stage", every=_MINUTE) for _ in range(4)),
            gate="LOCK TABLE turns IN SHARE MODE",
            at_once=4,
        )
        assert len([at for at in taken if at is not None]) == 1
        await database.do("UPDATE turns SET taken_at = taken_at - interval '1 minute'")
