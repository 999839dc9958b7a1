"""The Celery app: a courier that may lose, repeat or delay what it likes.

PostgreSQL knows what is to be done; a message carries an id and is worth nothing by itself. So Celery never retries and
never schedules: what it loses comes back when the lease on the row ends.

SIGTERM makes a worker take nothing more and finish what it has; the hard limit bounds that. Celery's soft shutdown is not used:
it waits its whole time with nothing left to do, and of two messages whose tasks it cut off at its end, one was gone (5.7).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery

from services.runtime.settings import Settings

HARD_LIMIT_SECONDS = 20  # below the lease of a row that is being sent, so that its worker is dead when another starts
VISIBILITY_SECONDS = 120  # more than twice the hard limit: the broker hands nothing out again while it is worked on
CONNECT_TIMEOUT_SECONDS = 5
CONSUME_TIMEOUT_SECONDS = 30  # a worker waits for work with a long poll
PUBLISH_TIMEOUT_SECONDS = 1  # the relay has other work: what a hung broker does not take is due again later


def create_celery(settings: Settings, *, broker_timeout_seconds: float = CONSUME_TIMEOUT_SECONDS) -> Celery:
    """A Celery app for the settings' broker. Opens nothing before it is used."""
    app = Celery("holdfast", broker=settings.broker_url.get_secret_value(), include=["services.worker.tasks.email"])
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],  # never pickle: whoever can write to the broker could run code here
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=False,
        task_retry_on_worker_lost=False,
        task_publish_retry=False,
        task_time_limit=HARD_LIMIT_SECONDS,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        # A broker that is gone is not the fault of the mail in hand: cancelled, it would count as one that its worker died on.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,  # whoever can write to the broker could stop the workers
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=min(broker_timeout_seconds, CONNECT_TIMEOUT_SECONDS),
    )
    is_rabbitmq = settings.broker_url.get_secret_value().startswith("amqp")
    app.conf.update(_of_rabbitmq() if is_rabbitmq else _of_redis(broker_timeout_seconds))
    return app


@contextmanager
def publishing(celery: Celery) -> Iterator[Callable[..., None]]:
    """`with publishing(celery) as publish: publish(task, *arguments)`: it returns when the broker has the message.

    Raises OperationalError when the broker does not say so in time. On a connection of its own: one that is kept may have been
    closed by the broker while it idled, or still owe a confirmation, which would be taken for that of the next message.
    """
    connection = celery.connection_for_write()

    def publish(task: str, *arguments: str | int) -> None:
        limits = {"timeout": PUBLISH_TIMEOUT_SECONDS, "confirm_timeout": PUBLISH_TIMEOUT_SECONDS}
        celery.send_task(task, args=arguments, connection=connection, **limits)

    try:
        yield publish
    except BaseException:
        connection.collect(socket_timeout=PUBLISH_TIMEOUT_SECONDS)  # it would take its leave, and wait for an answer
        raise
    connection.release()


def _of_redis(timeout_seconds: float) -> dict[str, Any]:
    options = {
        "visibility_timeout": VISIBILITY_SECONDS,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "health_check_interval": 10,
        "socket_connect_timeout": min(timeout_seconds, CONNECT_TIMEOUT_SECONDS),
        "socket_timeout": timeout_seconds,
        "socket_keepalive": True,
    }
    return {"broker_transport_options": options, "visibility_timeout": VISIBILITY_SECONDS}


def _of_rabbitmq() -> dict[str, Any]:
    """Queues that survive a node of the broker, and a message that counts as published when most nodes have it."""
    return {
        "task_default_queue_type": "quorum",
        "broker_native_delayed_delivery_queue_type": "classic",  # Celery makes 28 queues for delays, which we never ask for
        "broker_heartbeat": CONSUME_TIMEOUT_SECONDS,
        "broker_transport_options": {"confirm_publish": True},
    }
