"""The Celery app: a courier that may lose, repeat or delay what it likes.

PostgreSQL knows what is to be done; a message carries an id and is worth nothing by itself. So Celery never retries and
never schedules: what it loses comes back when the lease on the row ends.
"""

from celery import Celery

from services.runtime.settings import Settings

HARD_LIMIT_SECONDS = 25  # below the lease of a row that is being sent, so that its worker is dead when another starts
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
        task_publish_retry=False,
        task_time_limit=HARD_LIMIT_SECONDS,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        # A broker that is gone is not the fault of the mail in hand: cancelled, it would count as one that its worker died on.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_SECONDS,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "health_check_interval": 10,
            "socket_connect_timeout": min(broker_timeout_seconds, CONNECT_TIMEOUT_SECONDS),
            "socket_timeout": broker_timeout_seconds,
            "socket_keepalive": True,
        },
        visibility_timeout=VISIBILITY_SECONDS,
    )
    return app
