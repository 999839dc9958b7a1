"""Without these, a mail is lost or doubled with its message: a broker may forget, repeat and be gone."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from redis.asyncio import Redis

from services.runtime.database import Database as OurDatabase
from services.worker.app import create_celery
from services.worker.relay import SEND_TASK, react
from tests.support.api import Client, confirm_one
from tests.support.database import Database
from tests.support.delivery import Deliver, are_sent, end_leases
from tests.support.eventually import eventually
from tests.support.fault_proxy import fault_proxy
from tests.support.leash import Leash
from tests.support.mail import Mails
from tests.support.options import Rounds
from tests.support.own_broker import own_broker
from tests.support.processes import Processes
from tests.support.program import Program
from tests.support.settings import settings

_WITHIN_SECONDS = 20
_QUEUE = "celery"  # the list that Celery's messages wait in


async def test_a_mail_whose_message_the_broker_forgot_is_sent_after_its_lease(
    customer: Client, staff: Client, database: Database, *, broker_url: str, mails: Mails, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 10)
    async with fault_proxy(broker_url) as to_broker, Redis.from_url(broker_url) as broker:
        # Not there at all when the first is confirmed, there but forgetful when the second is.
        to_broker.refuse()
        relay = processes.relay(where=replace(processes.where, broker_url=to_broker.url))
        await confirm_one(customer)
        await eventually(partial(_noticed, relay), within_seconds=_WITHIN_SECONDS)
        await to_broker.listen()
        await confirm_one(customer)
        await eventually(partial(_has_message, broker), within_seconds=_WITHIN_SECONDS)
        await broker.flushdb()

        worker = processes.worker()
        await end_leases(database)

        await mails.arrive(2, within_seconds=_WITHIN_SECONDS)
    await eventually(partial(are_sent, database, 2), within_seconds=_WITHIN_SECONDS)
    assert len({mail["Message-ID"] for mail in mails.received}) == len(mails.received) == 2
    worker.kill()  # sooner over than asked to stop


async def test_a_message_that_the_broker_repeats_sends_no_second_mail(
    customer: Client, staff: Client, database: Database, *, broker_url: str, ours: OurDatabase, mails: Mails, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 10)
    await confirm_one(customer)
    await ours.transact(react)
    [(notification_id,)] = await database.rows("SELECT notification_id FROM notifications")
    with create_celery(settings(processes.where)) as celery:
        for _ in range(6):
            celery.send_task(SEND_TASK, args=[str(notification_id), 0])
    mails.withhold_answers()
    worker = processes.worker()

    async with Redis.from_url(broker_url) as broker:
        await mails.arrive(1, within_seconds=_WITHIN_SECONDS)
        await eventually(partial(_has_in_hand, broker, 1), within_seconds=_WITHIN_SECONDS)  # its other child had the rest
        mails.answer_again()
        await eventually(partial(_has_in_hand, broker, 0), within_seconds=_WITHIN_SECONDS)

    assert await are_sent(database, 1)
    assert len(mails.received) == 1
    worker.kill()  # sooner over than asked to stop


async def test_a_broker_that_goes_while_a_mail_is_being_sent_does_not_take_it_along(
    customer: Client, staff: Client, database: Database, *, broker_url: str, deliver: Deliver, mails: Mails, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 2)
    async with fault_proxy(broker_url) as to_broker:
        worker = processes.worker(where=replace(processes.where, broker_url=to_broker.url))
        mails.withhold_answers()
        await confirm_one(customer)
        await deliver()
        await mails.arrive(1, within_seconds=_WITHIN_SECONDS)

        await to_broker.reset()
        await confirm_one(customer)
        await deliver()
        await mails.arrive(2, within_seconds=_WITHIN_SECONDS)  # by the other child: the worker has found its broker again
        mails.answer_again()

        await eventually(partial(are_sent, database, 2), within_seconds=_WITHIN_SECONDS)
        worker.kill()  # sooner over than asked to stop
    assert await database.rows("SELECT DISTINCT attempts, failures FROM notifications") == [(1, 0)]
    assert len({mail["Message-ID"] for mail in mails.received}) == len(mails.received) == 2


async def test_what_the_relay_published_before_it_was_killed_is_sent_without_it(
    customer: Client, staff: Client, *, broker_url: str, mails: Mails, processes: Processes
) -> None:
    await staff.stock("MUG", "AMS", 10)
    relay = processes.relay()
    await confirm_one(customer)
    async with Redis.from_url(broker_url) as broker:
        await eventually(partial(_has_message, broker), within_seconds=_WITHIN_SECONDS)

    relay.kill()
    worker = processes.worker()

    await mails.arrive(1, within_seconds=_WITHIN_SECONDS)
    worker.kill()  # sooner over than asked to stop


async def test_a_broker_that_comes_back_empty_costs_nobody_a_mail(
    customer: Client,
    staff: Client,
    database: Database,
    *,
    mails: Mails,
    processes: Processes,
    rounds: Rounds,
    tmp_path: Path,
    leash: Leash,
) -> None:
    count = rounds(quick=20, proof=300)
    await staff.stock("MUG", "AMS", count + 1)  # the last one would be news to the staff
    async with own_broker(tmp_path, leash) as broker:
        where = replace(processes.where, broker_url=broker.url)
        processes.relay(where=where)
        worker = processes.worker(where=where)
        for n in range(count):
            await confirm_one(customer)
            if n == count // 2:
                await mails.arrive(1, within_seconds=_WITHIN_SECONDS)
                await broker.restart_empty()

        assert await worker.stop(within_seconds=_WITHIN_SECONDS) == 0
        await end_leases(database)
        worker = processes.worker(where=where)

        await eventually(partial(are_sent, database, count), within_seconds=_WITHIN_SECONDS)
        assert len({mail["Message-ID"] for mail in mails.received}) == len(mails.received) == count
        worker.kill()  # sooner over than asked to stop


async def _noticed(relay: Program) -> bool:
    return "relay.broker_unreachable" in relay.tail


async def _has_in_hand(broker: Redis, count: int) -> bool:
    """Whether workers have taken all messages, and finished all but so many."""
    return await broker.llen(_QUEUE) == 0 and await broker.hlen("unacked") == count


async def _has_message(broker: Redis) -> bool:
    return int(await broker.llen(_QUEUE)) > 0
