"""Hands a mail to an SMTP server."""

import smtplib
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from services.runtime.settings import Settings

TIMEOUT_SECONDS = 10  # for each answer of the server; the task's hard limit bounds them all
_PORT_DEFAULT = 25
_NEVER = 500


class MailNotSent(Exception):
    """The server did not take the mail; the message says why."""


class MailRefused(MailNotSent):
    """The server will never take this mail."""


class MailServerUnavailable(MailNotSent):
    """The server is not there, or not now."""


def send(settings: Settings, mail: EmailMessage) -> None:
    """Return when the server has taken responsibility for the mail. Raises MailRefused, MailServerUnavailable."""
    url = urlsplit(settings.smtp_url.get_secret_value())
    try:
        with smtplib.SMTP(url.hostname or "", url.port or _PORT_DEFAULT, timeout=TIMEOUT_SECONDS) as server:
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(mail)
    except (smtplib.SMTPException, OSError) as error:
        refusal = MailRefused if _is_for_good(error) else MailServerUnavailable
        raise refusal(f"{type(error).__name__}: {error}") from error


def _is_for_good(error: Exception) -> bool:
    """Whether the server said so of this recipient or this content, and not of us."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return all(code >= _NEVER for code, _ in error.recipients.values())
        case smtplib.SMTPDataError():
            return error.smtp_code >= _NEVER
    return False
