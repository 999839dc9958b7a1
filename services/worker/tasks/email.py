"""Send one mail."""

import time
from uuid import UUID

from celery import shared_task

from services.inventory.notifications import commands
from services.inventory.notifications.letters import compose
from services.inventory.notifications.model import Due, Ending, Notification, NotificationId, failed, postponed, refused
from services.runtime.error_reporting import reporting
from services.runtime.errors import Unavailable
from services.runtime.logs import log, request_id
from services.worker import mailer
from services.worker.app import HARD_LIMIT_SECONDS
from services.worker.child import Child, child

REPORT_UNTIL_SECONDS = HARD_LIMIT_SECONDS - 1  # after that we would be killed
REPORT_WAIT_SECONDS = 0.2


@shared_task(name="email.send")  # type: ignore[untyped-decorator]  # Celery ships no types
def send(notification_id: str, attempts: int) -> None:
    """Send the mail of a notification unless it is sent. Running it twice sends once.

    Killed in between, the mail goes out again when the row's lease ends: at least once, and under one Message-ID.
    """
    here, started = child(), time.monotonic()
    try:
        notification = _begin(here, Due(NotificationId(UUID(notification_id)), attempts))
    except Unavailable as refusal:  # nothing was begun: it comes due again when its lease ends
        here.deliveries.outcomes["postponed"] += 1
        log.info("email.send", notification_id=notification_id, outcome="postponed", code=refusal.code)
        return
    if notification is None:
        here.deliveries.outcomes["not_due"] += 1
        log.info("email.send", notification_id=notification_id, outcome="not_due")
        return
    token = request_id.set(notification.request_id)
    outcome = "error"
    try:
        ending = _attempt(here, notification)
        outcome = _outcome(notification, ending)
        _report(here, notification, ending, deadline=started + REPORT_UNTIL_SECONDS)
        if outcome == "dead":
            log.error("notification.dead", notification_id=notification_id)
    except Exception as error:
        reporting.report(error, route=send.name)  # while it is known whose mail it was
        raise
    finally:
        seconds = time.monotonic() - started
        here.deliveries.ended(outcome, seconds, notification.created_at)
        facts = {"kind": notification.kind, "outcome": outcome, "duration_ms": round(seconds * 1000, 1)}
        log.info("email.send", notification_id=notification_id, **facts)
        request_id.reset(token)


def _begin(here: Child, due: Due) -> Notification | None:
    """Twice if need be: nobody listens to the database between two tasks, so only this one finds out that it was restarted."""
    try:
        return here.transact(commands.begin_sending, due)
    except Unavailable:
        return here.transact(commands.begin_sending, due)


def _attempt(here: Child, notification: Notification) -> Ending | None:
    """Send; None, or what follows from having failed: only what is wrong with the message itself counts against it."""
    settings, link_token = here.resources.settings, None
    try:
        letter = here.transact(commands.write_letter, notification)
        link_token = letter.link_token
        here.mailer.send(compose(letter, sender=settings.mail_from, base_url=settings.base_url))
    except mailer.MailRefused as error:
        return refused(notification, _said(error, link_token))
    except mailer.MailNotSent as error:
        return postponed(notification, _said(error, link_token))
    except Unavailable as refusal:
        return postponed(notification, refusal.detail)
    except Exception as error:
        log.exception("email.not_composed", notification_id=str(notification.notification_id), kind=notification.kind)
        reporting.report(error, route=send.name)
        return failed(notification, _said(error, link_token, name=f"{type(error).__name__}: "))
    return None


def _said(error: Exception, link_token: str | None, *, name: str = "") -> str:
    """The sentence of an error, to be kept: without our link, which some servers quote when they take it for spam."""
    text = f"{name}{error}"
    return text.replace(link_token, "…") if link_token else text


def _outcome(notification: Notification, ending: Ending | None) -> str:
    if ending is None:
        return "sent"
    if ending.wait_seconds is None:
        return "dead"
    return "failed" if ending.failures > notification.failures else "postponed"


def _report(here: Child, notification: Notification, ending: Ending | None, *, deadline: float) -> None:
    """Write down what became of the attempt, as soon as the database takes it.

    Silence would count against the message, as if we had died on it, and a mail that was sent would be sent again.
    """
    while True:
        try:
            if ending is None:
                return here.transact(commands.finish_sending, notification.notification_id)
            return here.transact(commands.end_attempt, notification, ending)
        except Unavailable:
            if time.monotonic() + REPORT_WAIT_SECONDS > deadline:
                raise
        time.sleep(REPORT_WAIT_SECONDS)
