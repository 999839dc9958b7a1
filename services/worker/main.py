"""The worker: python -m services.worker.main. Takes the options of `celery worker`."""

import sys

from celery.signals import setup_logging, worker_process_init, worker_process_shutdown

from services.runtime.startup import start_process
from services.worker.app import create_celery
from services.worker.child import close_child, open_child

settings = start_process()
app = create_celery(settings)


def _leave_logs_alone(**_: object) -> None:
    """Celery configures logging of its own unless somebody listens to this signal."""


def _open(**_: object) -> None:
    open_child(settings)


def _close(**_: object) -> None:
    close_child()


setup_logging.connect(_leave_logs_alone)
worker_process_init.connect(_open)
worker_process_shutdown.connect(_close)


if __name__ == "__main__":
    # Workers have nothing to tell each other, and greeting the others takes each a second when it starts.
    app.worker_main(["worker", "--without-gossip", "--without-mingle", "--without-heartbeat", *sys.argv[1:]])
