"""Without these, a second worker starts on a mail while the first still sends it, and the customer gets it twice."""

from typing import Any

import pytest

from services.inventory.notifications.model import SENDING_LEASE_SECONDS
from services.runtime.smtp import PATIENCE, QUIT_SECONDS_MAX
from services.worker.app import HARD_LIMIT_SECONDS, VISIBILITY_SECONDS, create_celery
from tests.support.settings import Where, settings

_ORCHESTRATORS_GRANT_SECONDS = 30


def test_each_limit_ends_before_the_one_that_relies_on_it() -> None:
    assert PATIENCE.connect_seconds < PATIENCE.answer_seconds < PATIENCE.total_seconds
    assert PATIENCE.total_seconds + QUIT_SECONDS_MAX < HARD_LIMIT_SECONDS < SENDING_LEASE_SECONDS
    assert 2 * HARD_LIMIT_SECONDS < VISIBILITY_SECONDS
    assert HARD_LIMIT_SECONDS < _ORCHESTRATORS_GRANT_SECONDS


def _conf(broker_url: str) -> Any:
    return create_celery(settings(Where(database_url="postgresql://nobody@127.0.0.1:1/nothing", broker_url=broker_url))).conf


@pytest.mark.parametrize("broker_url", ["redis://127.0.0.1:1/0", "amqp://guest:guest@127.0.0.1:1//"])
def test_celery_neither_retries_nor_schedules_nor_unpickles(broker_url: str) -> None:
    conf = _conf(broker_url)

    assert (conf.task_publish_retry, conf.task_reject_on_worker_lost, conf.task_retry_on_worker_lost) == (False, False, False)
    assert (conf.task_acks_late, conf.worker_prefetch_multiplier, conf.task_time_limit) == (True, 1, HARD_LIMIT_SECONDS)
    assert (conf.task_serializer, conf.accept_content) == ("json", ["json"])
    assert (conf.result_backend, conf.task_ignore_result, conf.worker_enable_remote_control) == (None, True, False)
    assert not conf.worker_cancel_long_running_tasks_on_connection_loss


def test_redis_gives_nothing_to_another_worker_while_one_is_at_it() -> None:
    conf = _conf("redis://127.0.0.1:1/0")

    assert conf.visibility_timeout == conf.broker_transport_options["visibility_timeout"] == VISIBILITY_SECONDS


@pytest.mark.parametrize("scheme", ["amqp", "amqps"])
def test_rabbitmq_is_asked_to_keep_and_to_confirm(scheme: str) -> None:
    conf = _conf(f"{scheme}://guest:guest@127.0.0.1:1//")

    assert conf.task_default_queue_type == "quorum"
    assert conf.broker_transport_options == {"confirm_publish": True}  # it ends a connection whose options it does not know
