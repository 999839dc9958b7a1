"""What a Celery child and the relay count, and tell whoever scrapes them."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from prometheus_client.metrics_core import Metric

from services.runtime.database import Database
from services.runtime.metrics import SECONDS, Histogram, counter, counters, histogram
from services.runtime.redis import Redis
from services.runtime.server_metrics import of_database, of_mail_server, of_redis
from services.worker.mailer import Mailer
from services.worker.subscriptions import COPIES, SUBSCRIPTIONS

OUTCOMES = ("sent", "failed", "postponed", "dead", "not_due", "error")
ATTEMPT_SECONDS = (*SECONDS, 10, 20)  # 20 is the hard limit of a task
AGE_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800)  # half a minute is an outage's pause, half an hour an outage


class Deliveries:
    """Attempts to send a mail."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self.seconds = Histogram(ATTEMPT_SECONDS)
        self.ages = Histogram(AGE_SECONDS)  # of mails, from what they tell of to when they were sent

    def ended(self, outcome: str, seconds: float, created_at: datetime) -> None:
        """An attempt for a mail that has been owed since then."""
        self.outcomes[outcome] += 1
        self.seconds.observe(seconds)
        if outcome == "sent":
            self.ages.observe(max((datetime.now(UTC) - created_at).total_seconds(), 0.0))


class Relayed:
    """What the relay has moved on."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()  # by name
        self.published = 0
        self.broker_failures = 0


def event_counter_name(event: str) -> str:
    """`reservation.confirmed` is counted in `inventory_reservations_confirmed_total`."""
    noun, _, happened = event.partition(".")
    return f"inventory_{noun}s_{happened}_total"


def of_child(deliveries: Deliveries, mailer: Mailer, database: Database) -> Iterable[Metric]:
    yield counters("inventory_deliveries", "Attempts to send a mail, by how they ended.", "outcome", deliveries.outcomes)
    yield histogram("inventory_delivery_duration_seconds", "How long an attempt took.", deliveries.seconds)
    yield histogram("inventory_mail_age_seconds", "How long after what they tell of mails were sent.", deliveries.ages)
    yield from of_mail_server(mailer.circuit)
    yield from of_database(database)


def of_relay(relayed: Relayed, database: Database, redis: Redis) -> Iterable[Metric]:
    """An event is counted where it is heard, once its reaction has committed: wherever it was written, it happened, and once."""
    for event in (*SUBSCRIPTIONS, *COPIES):
        yield counter(event_counter_name(event).removesuffix("_total"), f"Events {event} that were heard.", relayed.events[event])
    yield counter("inventory_mails_published", "Messages that the broker has taken.", relayed.published)
    yield counter("inventory_broker_failures", "Batches that the broker did not take whole.", relayed.broker_failures)
    yield from of_database(database)
    yield from of_redis(redis)
