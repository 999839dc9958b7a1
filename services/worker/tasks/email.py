"""Send one mail."""

import time
from uuid import UUID

from celery import shared_task

from services.inventory.notifications import commands
from services.inventory.notifications.letters import compose
from services.inventory.notifications.model import Due, Letter, NotificationId
from services.runtime.logs import log, request_id
from services.worker import mailer
from services.worker.child import Child, child


@shared_task(name="email.send")  # type: ignore[untyped-decorator]  # Celery ships no types
def send(notification_id: str, attempts: int) -> None:
    """Send the mail of a notification unless it is sent. Running it twice sends once.

    Killed in between, the mail goes out again when the row's lease ends: at least once, and under one Message-ID.
    """
    here = child()
    letter = here.transact(commands.begin_sending, Due(NotificationId(UUID(notification_id)), attempts))
    if letter is None:
        log.info("email.send", notification_id=notification_id, outcome="not_due")
        return
    started = time.perf_counter()
    token = request_id.set(letter.notification.request_id)
    outcome = "error"
    try:
        outcome = _send(here, letter)
    finally:
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        log.info("email.send", notification_id=notification_id, outcome=outcome, duration_ms=milliseconds)
        request_id.reset(token)


def _send(here: Child, letter: Letter) -> str:
    notification = letter.notification
    try:
        settings = here.resources.settings
        mailer.send(settings, compose(letter, sender=settings.mail_from, base_url=settings.base_url))
    except mailer.MailNotSent as error:
        # Some servers quote the link that they take for spam.
        reason = str(error).replace(letter.link_token, "…") if letter.link_token else str(error)
        here.transact(commands.give_up_attempt, notification, error=reason)
        return "failed"
    here.transact(commands.finish_sending, notification.notification_id)
    return "sent"
