"""The worker: python -m services.worker.main. Takes the options of `celery worker`."""

import gc
import sys

from celery import Task
from celery.signals import setup_logging, task_failure, worker_process_init, worker_process_shutdown

from services.runtime.error_reporting import reporting
from services.runtime.startup import start_process
from services.worker.app import create_celery
from services.worker.child import close_child, open_child

settings = start_process()
reporting.start(settings, "worker")  # of what becomes of the children
app = create_celery(settings)


def _leave_logs_alone(**_: object) -> None:
    """Celery configures logging of its own unless somebody listens to this signal."""


def _open(**_: object) -> None:
    reporting.start(settings, "worker")
    open_child(settings)


def _close(**_: object) -> None:
    close_child()
    reporting.stop()


def _report(sender: Task, exception: BaseException, **_: object) -> None:
    """What a task raised, which a child says; or that its child was lost over it, which its parent says."""
    reporting.report(exception, route=sender.name)


setup_logging.connect(_leave_logs_alone)
worker_process_init.connect(_open)
worker_process_shutdown.connect(_close)
task_failure.connect(_report)


if __name__ == "__main__":
    gc.collect()
    gc.freeze()  # children share what was imported, until the collector writes to it
    # Quiet, because a banner is no line of a log. Workers have nothing to tell each other, and greeting the others takes each a second.
    app.worker_main(["--quiet", "worker", "--without-gossip", "--without-mingle", "--without-heartbeat", *sys.argv[1:]])
