"""Without these, relays that run at once, as they do in every deploy, tell everything twice."""

import pytest
import pytest_asyncio

from services.inventory.notifications.commands import lease_due
from services.runtime.database import Database as OurDatabase
from services.worker.relay import react
from tests.races.gate import together_at_the_gate
from tests.support.api import Client, line
from tests.support.database import Database
from tests.support.delivery import end_leases, states
from tests.support.options import Rounds

pytestmark = pytest.mark.usefixtures("confirmed")

_RELAYS = 4
_MAILS = 20
_NOBODY_TAKES = "LOCK TABLE outbox IN SHARE MODE"
_NOBODY_LEASES = "LOCK TABLE notifications IN SHARE MODE"


@pytest_asyncio.fixture
async def confirmed(customer: Client, staff: Client) -> None:
    await staff.stock("MUG", "AMS", _MAILS + 1)
    for _ in range(_MAILS):
        placed = await customer.place(line("MUG"))
        await customer.confirm(placed.json()["id"])


async def test_each_event_is_taken_by_one_of_many_relays(database: Database, ours: OurDatabase, rounds: Rounds) -> None:
    for _ in range(rounds(quick=5, proof=200)):
        await database.do("TRUNCATE notifications")
        await database.do("UPDATE outbox SET done_at = NULL")

        taken = await together_at_the_gate(database, *(ours.transact(react) for _ in range(_RELAYS)), gate=_NOBODY_TAKES, at_once=_RELAYS)

        assert sum(one.total() for one in taken) == 2 * _MAILS  # each was held, then confirmed
        assert await states(database) == ["queued"] * _MAILS


async def test_each_mail_is_leased_to_one_of_many_relays(database: Database, ours: OurDatabase, rounds: Rounds) -> None:
    await ours.transact(react)
    for _ in range(rounds(quick=5, proof=200)):
        await end_leases(database)

        leased = await together_at_the_gate(
            database, *(ours.transact(lease_due, limit=100) for _ in range(_RELAYS)), gate=_NOBODY_LEASES, at_once=_RELAYS
        )

        mails = [mail for each in leased for mail in each]
        assert len(mails) == len(set(mails)) == _MAILS
