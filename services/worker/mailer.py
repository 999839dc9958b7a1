"""Hands a mail to an SMTP server."""

import smtplib
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from services.runtime.settings import Settings

TIMEOUT_SECONDS = 10  # for each answer of the server; the task's hard limit bounds them all
_PORT_DEFAULT = 25


class MailNotSent(Exception):
    """The server did not take the mail; the message says why."""


def send(settings: Settings, mail: EmailMessage) -> None:
    """Return when the server has taken responsibility for the mail. Raises MailNotSent."""
    url = urlsplit(settings.smtp_url.get_secret_value())
    try:
        with smtplib.SMTP(url.hostname or "", url.port or _PORT_DEFAULT, timeout=TIMEOUT_SECONDS) as server:
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(mail)
    except (smtplib.SMTPException, OSError) as error:
        raise MailNotSent(f"{type(error).__name__}: {error}") from error
