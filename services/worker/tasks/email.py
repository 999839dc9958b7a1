"""Send one mail."""

import time
from uuid import UUID

from celery import shared_task

from services.inventory.notifications import commands
from services.inventory.notifications.letters import compose
from services.inventory.notifications.model import NotificationId
from services.runtime.logs import log, request_id
from services.worker import mailer
from services.worker.child import child


@shared_task(name="email.send")  # type: ignore[untyped-decorator]  # Celery ships no types
def send(notification_id: str) -> None:
    """Send the mail of a notification unless it is sent. Running it twice sends once.

    Killed in between, the mail goes out again when the row's lease ends: at least once, and under one Message-ID.
    """
    started = time.perf_counter()
    outcome = _send(NotificationId(UUID(notification_id)))
    log.info("email.send", notification_id=notification_id, outcome=outcome, duration_ms=round((time.perf_counter() - started) * 1000, 1))


def _send(notification_id: NotificationId) -> str:
    here = child()
    letter = here.transact(commands.begin_sending, notification_id)
    if letter is None:
        return "not_due"
    request_id.set(letter.notification.request_id)
    try:
        mailer.send(here.resources.settings, compose(letter, sender=here.resources.settings.mail_from))
    except mailer.MailNotSent as error:
        here.transact(commands.give_up_attempt, notification_id, error=str(error))
        return "failed"
    here.transact(commands.finish_sending, notification_id)
    return "sent"
