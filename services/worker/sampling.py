"""What nobody can count as it happens, because it is a state: the relay looks at it from time to time, for the metrics.

Several relays see the same; whoever reads takes the greatest.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from celery import Celery
from kombu.exceptions import ChannelError, OperationalError
from prometheus_client.metrics_core import Metric
from sqlalchemy.ext.asyncio import AsyncConnection

from services.inventory.notifications import reading as notifications
from services.inventory.reservations import reading as reservations
from services.inventory.stock import store as stock
from services.runtime import outbox, server_figures
from services.runtime.database import Database
from services.runtime.metrics import counter, counters, gauge, gauges
from services.runtime.redis import Redis
from services.worker.subscriptions import COPIES, SUBSCRIPTIONS

BACKLOG_SECONDS = 10
STOCK_SECONDS = 60  # a sum over every level: a tenth of a second for a million
INVARIANTS_SECONDS = 300  # it reads every line and movement
WHAT = ("backlog", "postgres", "cache", "broker", "stock", "invariants")


class Samples:
    """What was last seen of each state, and when."""

    def __init__(self) -> None:
        # As old as the process until it is looked at: what was never seen must not be missing among the instants.
        self._seen: dict[str, tuple[float, Sequence[Metric]]] = dict.fromkeys(WHAT, (time.time(), ()))

    def keep(self, what: str, metrics: Iterable[Metric]) -> None:
        self._seen[what] = (time.time(), list(metrics))

    def metrics(self) -> Iterable[Metric]:
        seen = dict(self._seen)
        for _, metrics in seen.values():
            yield from metrics
        instants = {what: at for what, (at, _) in seen.items()}
        yield gauges("inventory_sampled_timestamp_seconds", "When the relay last looked at what.", "what", instants)


def looks(samples: Samples, database: Database, redis: Redis, celery: Celery) -> Sequence[tuple[Callable[[], Awaitable[None]], float]]:
    """Each look, and after how many seconds it is taken again. One that fails keeps no other from being taken."""
    return [
        (lambda: sample_backlog(samples, database), BACKLOG_SECONDS),
        (lambda: sample_cache(samples, redis), BACKLOG_SECONDS),
        (lambda: sample_broker(samples, celery), BACKLOG_SECONDS),
        (lambda: sample_stock(samples, database), STOCK_SECONDS),
        (lambda: sample_invariants(samples, database), INVARIANTS_SECONDS),
    ]


async def sample_backlog(samples: Samples, database: Database) -> None:
    """What is owed, and how the database's server is."""
    samples.keep("backlog", await database.autocommit(_read_backlog))
    samples.keep("postgres", await database.autocommit(_read_postgres))


async def sample_stock(samples: Samples, database: Database) -> None:
    samples.keep("stock", await database.autocommit(_read_stock))


async def sample_invariants(samples: Samples, database: Database) -> None:
    found = len((await database.autocommit(reservations.read_violations)).violations)
    says = "Counters that disagree with the reservations or the ledger."
    samples.keep("invariants", [gauge("inventory_invariant_violations", says, found)])


async def sample_cache(samples: Samples, redis: Redis) -> None:
    """Raises RedisError while there is no Redis."""
    figures = await server_figures.of_redis(redis)
    samples.keep(
        "cache",
        [
            gauge("inventory_redis_memory_bytes", "Memory of the cache's server.", figures.memory_bytes),
            gauge("inventory_redis_keys", "Copies, leases and buckets that it holds.", figures.keys),
            counter("inventory_redis_evictions", "Keys that it threw away for want of memory.", figures.evictions),
        ],
    )


async def sample_broker(samples: Samples, celery: Celery) -> None:
    """In a thread, because Celery blocks. Nothing new is seen while the broker does not answer."""
    waiting = await asyncio.to_thread(_count_messages, celery)
    if waiting is not None:
        samples.keep("broker", [gauge("inventory_broker_messages", "Messages that wait for a worker.", waiting)])


async def _read_backlog(connection: AsyncConnection) -> Sequence[Metric]:
    stages = {
        "event": await outbox.read_backlog(connection, names=SUBSCRIPTIONS.keys()),
        "copy": await outbox.read_backlog(connection, names=COPIES.keys()),
        "mail": await notifications.read_backlog(connection),
    }
    depth = {stage: backlog.depth for stage, backlog in stages.items()}
    oldest = {stage: backlog.oldest_seconds for stage, backlog in stages.items()}
    return [
        gauges("inventory_outbox_depth", "What has not been handled yet, delivery included.", "stage", depth),
        gauges("inventory_outbox_oldest_seconds", "How long the oldest of it has waited.", "stage", oldest),
        gauge("inventory_dead_letters", "Mails that were given up, for a person to look at.", await notifications.count_dead(connection)),
        gauges("inventory_stock_items", "Items that are low or sold out.", "state", await stock.count_low(connection)),
    ]


async def _read_stock(connection: AsyncConnection) -> Sequence[Metric]:
    return [
        gauges("inventory_stock_units", "Units on the shelf and promised, of all items.", "state", await stock.sum_levels(connection)),
        gauges("inventory_reservations_open", "Reservations that have not ended.", "state", await reservations.count_open(connection)),
    ]


async def _read_postgres(connection: AsyncConnection) -> Sequence[Metric]:
    figures = await server_figures.of_postgres(connection)
    ended = {"committed": figures.committed, "rolled_back": figures.rolled_back}
    return [
        gauges("inventory_postgres_connections", "Sessions on the server, by what they do.", "state", figures.connections),
        gauge("inventory_postgres_connections_max", "Sessions that the server takes.", figures.connections_max),
        gauge("inventory_postgres_size_bytes", "Size of the database.", figures.size_bytes),
        counter("inventory_postgres_deadlocks", "Deadlocks that the server has ended.", figures.deadlocks),
        counters("inventory_postgres_transactions", "Transactions that have ended.", "outcome", ended),
        counters("inventory_postgres_blocks", "Blocks read, by where they were.", "source", figures.blocks),
    ]


def _count_messages(celery: Celery) -> int | None:
    with celery.connection_for_read() as connection:
        try:
            return int(connection.default_channel.queue_declare(celery.conf.task_default_queue, passive=True).message_count)
        except ChannelError:  # Redis has no queue that is empty
            return 0
        except (OperationalError, *connection.connection_errors):
            return None
