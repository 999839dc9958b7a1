"""Without these, a second worker starts on a mail while the first still sends it, and the customer gets it twice."""

from services.inventory.notifications.model import SENDING_LEASE_SECONDS
from services.worker.app import HARD_LIMIT_SECONDS, VISIBILITY_SECONDS, create_celery
from services.worker.mailer import TIMEOUT_SECONDS
from tests.support.settings import Where, settings

_ORCHESTRATORS_GRANT_SECONDS = 30


def test_each_limit_ends_before_the_one_that_relies_on_it() -> None:
    assert TIMEOUT_SECONDS < HARD_LIMIT_SECONDS < SENDING_LEASE_SECONDS
    assert 2 * HARD_LIMIT_SECONDS < VISIBILITY_SECONDS
    assert HARD_LIMIT_SECONDS < _ORCHESTRATORS_GRANT_SECONDS


def test_celery_neither_retries_nor_schedules_nor_unpickles() -> None:
    conf = create_celery(settings(Where(database_url="postgresql://nobody@127.0.0.1:1/nothing"))).conf

    assert (conf.task_publish_retry, conf.task_reject_on_worker_lost, conf.task_acks_late) == (False, False, True)
    assert (conf.task_serializer, conf.accept_content) == ("json", ["json"])
    assert conf.task_time_limit == HARD_LIMIT_SECONDS
    assert conf.visibility_timeout == conf.broker_transport_options["visibility_timeout"] == VISIBILITY_SECONDS
