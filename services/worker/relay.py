"""The relay: moves what happened to those who must act on it, minds the clock, and keeps house.

By the clock it ends holds whose time is over, reminds their owners before, and tells the staff what the stock lacks. Nothing is
correct only because it does so in time.

Any number may run at once: rows that one has locked, the others skip. Killed anywhere, it loses nothing: what it had not
committed is still in the outbox, and what it had published but nobody sent comes due again.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Sequence

from celery import Celery
from kombu.exceptions import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.accounts import revoking as account_revocations
from services.inventory.accounts import session_store as account_sessions
from services.inventory.accounts import store as accounts
from services.inventory.notifications import commands as notifications
from services.inventory.notifications import crossings
from services.inventory.notifications import store as notification_store
from services.inventory.notifications.announcing import announce_crossings
from services.inventory.notifications.model import Due, NotificationId
from services.inventory.reservations import reminding
from services.inventory.reservations import store as reservations
from services.runtime import idempotency, outbox
from services.runtime.cache import Cache
from services.runtime.database import Database
from services.runtime.error_reporting import reporting
from services.runtime.logs import log, request_id
from services.runtime.metrics import export
from services.runtime.redis import open_redis
from services.runtime.resources import open_resources
from services.runtime.startup import start_process
from services.worker.app import PUBLISH_TIMEOUT_SECONDS, create_celery, publishing
from services.worker.loops import look, run
from services.worker.metrics import Relayed, of_relay
from services.worker.sampling import Samples, looks
from services.worker.subscriptions import COPIES, SUBSCRIPTIONS

BATCH = 100  # events or notifications in one transaction
EXPIRE_BATCH = 200
REMIND_BATCH = 200
CACHE_TIMEOUT_SECONDS = 1.0  # nobody waits for the relay; a copy that it deletes late is better than one that it deletes again
TIDY_SECONDS = 60.0
SEND_TASK = "email.send"
_FORGET = (
    idempotency.forget_old,
    account_sessions.forget_dead,
    account_revocations.forget_old,
    account_revocations.forget_replaced_keys,
    accounts.forget_dead_mail_tokens,
    notification_store.forget_unverified_accounts,  # after their links
    outbox.forget_handled,
    notification_store.forget_sent,
)


async def react(connection: AsyncConnection) -> Counter[str]:
    """Take a batch from the outbox and let the subscribers react, in one transaction; how many events of each name it was.

    During a deploy newer code may write events that this code does not know; they are left for a relay that does.
    """
    events = await outbox.take(connection, names=SUBSCRIPTIONS.keys(), limit=BATCH)
    for event in events:
        request_id.set(event.request_id)  # left so when a reaction fails: who reports that says whose doing it was
        for reaction in SUBSCRIPTIONS[event.name]:
            await reaction(connection, event)
    request_id.set(None)
    return Counter(event.name for event in events)


async def claim(connection: AsyncConnection) -> tuple[Sequence[NotificationId], Sequence[Due]]:
    """Count the attempts that workers died on, then lease what is due: which notifications died of it, and what to publish."""
    dead = await notifications.count_deaths(connection, limit=BATCH)
    return dead, await notifications.lease_due(connection, limit=BATCH)


async def deliver_once(database: Database, celery: Celery, relayed: Relayed) -> int:
    """One round: react to events, then publish what is due. How much there was."""
    reacted = await database.transact(react)
    relayed.events += reacted
    dead, due = await database.transact(claim)
    for notification_id in dead:
        log.error("notification.dead", notification_id=str(notification_id))
    # Outside any transaction, and in a thread, because Celery blocks.
    if due:
        await asyncio.to_thread(_publish, celery, due, relayed)
    return reacted.total() + len(due)


async def forget_once(database: Database, cache: Cache, relayed: Relayed) -> int:
    """Delete the copies of what has changed; how many changes it was. Whoever made one has tried, but may have died over it.

    Deleted first and marked as done then: killed in between, it deletes them again. Raises RedisError while there is no Redis.
    """
    changes = await database.autocommit(outbox.peek, names=COPIES.keys(), limit=BATCH)
    if changes:
        await cache.forget([key for change in changes for key in COPIES[change.name](change.facts)])
        relayed.events.update(await database.autocommit(outbox.mark_done, [change.event_id for change in changes]))
    return len(changes)


async def expire_once(database: Database) -> int:
    """End a batch of holds whose time is over; how many."""
    return await database.autocommit(reservations.expire_due, limit=EXPIRE_BATCH)


async def remind_once(database: Database) -> int:
    """Tell of a batch of holds that are about to end; how many."""
    return await database.autocommit(reminding.remind_due, limit=REMIND_BATCH)


async def announce_once(database: Database) -> int:
    """Owe the staff a mail about what has crossed in the stock, unless they had one within the minute; how many crossings it tells."""
    # A look of its own: a quiet second needs no transaction, and takes no turn for which the next crossing would have to wait.
    return await database.transact(announce_crossings) if await database.autocommit(crossings.are_any) else 0


async def tidy_once(database: Database) -> int:
    """Delete a batch of each kind of row that nobody can ask for any more; how many rows."""
    return sum([await database.transact(forget) for forget in _FORGET])


def _publish(celery: Celery, due: Sequence[Due], relayed: Relayed) -> None:
    published = 0
    try:
        with publishing(celery) as publish:
            for one in due:
                publish(SEND_TASK, str(one.notification_id), one.attempts)
                published += 1
                relayed.published += 1
    except OperationalError as error:
        # The leases end by themselves, and then these are due again.
        relayed.broker_failures += 1
        log.warning("relay.broker_unreachable", error=str(error), unpublished=len(due) - published)


async def serve() -> None:
    settings = start_process(logs_in_background=True)
    reporting.start(settings, "relay")
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with (
        open_resources(settings, application="holdfast-relay") as resources,
        open_redis(settings.cache_url.get_secret_value(), timeout_seconds=CACHE_TIMEOUT_SECONDS) as redis,
    ):
        database, celery = resources.database, create_celery(settings, broker_timeout_seconds=PUBLISH_TIMEOUT_SECONDS)
        cache, relayed, samples = Cache(redis), Relayed(), Samples()
        export(settings, "relay", lambda: of_relay(relayed, database, redis), samples.metrics)
        log.info("relay.started")
        async with asyncio.TaskGroup() as loops:
            loops.create_task(run(lambda: deliver_once(database, celery, relayed), stop))
            loops.create_task(run(lambda: forget_once(database, cache, relayed), stop))
            loops.create_task(run(lambda: expire_once(database), stop))
            loops.create_task(run(lambda: remind_once(database), stop))
            loops.create_task(run(lambda: announce_once(database), stop))
            loops.create_task(run(lambda: tidy_once(database), stop, idle_seconds=TIDY_SECONDS))
            for sample, seconds in looks(samples, database, redis, celery):
                loops.create_task(look(sample, stop, every_seconds=seconds))
    log.info("relay.stopped")


if __name__ == "__main__":
    asyncio.run(serve())
