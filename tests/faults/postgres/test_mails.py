"""Without these, a restart of the database in the middle of the evening's mails is a mail that nobody gets, or many that come twice."""

from collections import Counter
from functools import partial

from tests.support.api import Client, confirm_one
from tests.support.database import Database
from tests.support.delivery import are_sent, end_leases
from tests.support.eventually import eventually
from tests.support.mail import Mails
from tests.support.options import Rounds
from tests.support.own_postgres import IMMEDIATE, OwnPostgres
from tests.support.processes import Processes

_WITHIN_SECONDS = 40
_CHILDREN = 2


async def test_a_restart_of_the_database_among_the_mails_loses_none(
    customer: Client,
    staff: Client,
    database: Database,
    *,
    postgres: OwnPostgres,
    mails: Mails,
    processes: Processes,
    rounds: Rounds,
) -> None:
    count = rounds(quick=20, proof=200)
    await staff.stock("MUG", "AMS", count + 1)  # the last one would be news to the staff
    for _ in range(count):
        await confirm_one(customer)
    processes.relay()
    worker = processes.worker()
    await mails.arrive(3, within_seconds=_WITHIN_SECONDS)

    await postgres.restart(IMMEDIATE)

    assert await worker.stop(within_seconds=_WITHIN_SECONDS) == 0
    await end_leases(database)
    worker = processes.worker()
    await eventually(partial(are_sent, database, count), within_seconds=_WITHIN_SECONDS)
    copies = Counter(mail["Message-ID"] for mail in mails.received)
    assert len(copies) == count
    assert copies.total() - count <= _CHILDREN  # taken by the server, and no database to write that down
    worker.kill()  # sooner over than asked to stop
