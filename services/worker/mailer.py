"""Hands mails to the mail server, and says whose fault it is when one was not taken (docs/decisions/0041)."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import parseaddr
from enum import Enum, auto
from time import monotonic
from urllib.parse import urlsplit

from services.runtime.circuit import Circuit
from services.runtime.settings import Settings
from services.runtime.smtp import PATIENCE, Patience, Session, SmtpFailure, open_session, text_of

MAILS_PER_SESSION_MAX = 100  # servers count them too, and are less polite about it
IDLE_SECONDS_MAX = 30  # after that, what lies between us and the server may have forgotten the connection

FAILURES_MAX = 3
FAILURES_WITHIN_SECONDS = 60  # long enough for three that take as long as they may
PAUSE_SECONDS = 10

_LATER = range(400, 500)
_NEVER = range(500, 600)
_CLOSING = 421
_TOO_LARGE = 552
# Refusals of us and not of a mail: out of order, takes no mails at all, sign in first, sign in in another way.
_OF_US = {503, 521, 530, 534, 535, 538}


class MailNotSent(Exception):
    """The mail was not taken; the text says why, and holds neither a password nor a link of ours."""


class MailRefused(MailNotSent):
    """For good: the server will not take this mail, or not for this recipient, however often it is offered."""


class MailServerUnavailable(MailNotSent):
    """For now, and nothing is wrong with the mail. If only the last answer was lost the server has it, and gets it again."""


class _Fault(Enum):
    SERVER = auto()  # which the next mail would meet too
    MOMENT = auto()  # the server is well and says: later
    MAIL = auto()


class Mailer:
    """One for each child. Keeps its connection to the server from one mail to the next."""

    def __init__(
        self,
        settings: Settings,
        *,
        patience: Patience = PATIENCE,
        idle_seconds_max: float = IDLE_SECONDS_MAX,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._url = urlsplit(settings.smtp_url.get_secret_value())
        # Fully qualified, as servers want it, and without a question to the resolver.
        self._own_name = parseaddr(settings.mail_from)[1].partition("@")[2]
        self._tls = None if self._url.scheme == "smtp" else ssl.create_default_context()
        self._patience = patience
        self._idle_seconds_max = idle_seconds_max
        self._session: Session | None = None
        self.circuit = Circuit(failures_max=FAILURES_MAX, within_seconds=FAILURES_WITHIN_SECONDS, pause_seconds=pause_seconds)

    def send(self, mail: EmailMessage) -> None:
        """Return when the server has taken responsibility for the mail. Raises MailRefused or MailServerUnavailable."""
        if not self.circuit.allows():
            raise MailServerUnavailable("not tried: the mail server failed several times in a row, and is left alone for some seconds")
        try:
            self._hand_in(mail, deadline=monotonic() + self._patience.total_seconds)
        except SmtpFailure as failure:
            self.close()
            fault = _fault_of(failure)
            if fault is _Fault.SERVER:
                self.circuit.failed()
            else:
                self.circuit.succeeded()
            refusal = MailRefused if fault is _Fault.MAIL else MailServerUnavailable
            raise refusal(_reason(failure)) from None
        self.circuit.succeeded()

    def close(self) -> None:
        """Hang up. The next mail opens another session."""
        if self._session is not None:
            self._session.hang_up()
            self._session = None

    def _hand_in(self, mail: EmailMessage, *, deadline: float) -> None:
        session = self._kept(deadline)
        if session is not None:
            try:
                return session.hand_in(mail)
            except SmtpFailure as failure:
                # Only what the server cannot have heard is said again: after that, nobody knows what it made of it.
                if not _was_over(session, failure):
                    raise
                self.close()
        self._session = open_session(self._url, own_name=self._own_name, tls=self._tls, patience=self._patience, deadline=deadline)
        return self._session.hand_in(mail)

    def _kept(self, deadline: float) -> Session | None:
        session = self._session
        if session is None:
            return None
        if session.mails >= MAILS_PER_SESSION_MAX or monotonic() - session.used_at > self._idle_seconds_max:
            self.close()
            return None
        session.deadline = deadline
        return session


def _was_over(session: Session, failure: Exception) -> bool:
    """Whether the server had ended this session before it heard of the mail, as it may at any time between two."""
    return session.answers == 0 or (isinstance(failure, smtplib.SMTPSenderRefused) and failure.smtp_code == _CLOSING)


def _fault_of(failure: Exception) -> _Fault:
    match failure:
        case smtplib.SMTPRecipientsRefused():
            return _fault_by(_refusal_of_recipient(failure)[0])
        case smtplib.SMTPSenderRefused() if failure.smtp_code in _NEVER and failure.smtp_code != _TOO_LARGE:
            return _Fault.SERVER  # every mail has the same sender
        case smtplib.SMTPSenderRefused() | smtplib.SMTPDataError():
            return _fault_by(failure.smtp_code)
        case smtplib.SMTPNotSupportedError():
            return _Fault.MAIL  # an address with letters that this server cannot read
        case _:
            return _Fault.SERVER


def _fault_by(code: int) -> _Fault:
    if code == _CLOSING or code in _OF_US:
        return _Fault.SERVER
    if code in _NEVER:
        return _Fault.MAIL
    return _Fault.MOMENT if code in _LATER else _Fault.SERVER


def _refusal_of_recipient(failure: smtplib.SMTPRecipientsRefused) -> tuple[int, bytes]:
    [refusal] = failure.recipients.values()  # a mail has one
    return refusal


def _reason(failure: Exception) -> str:
    match failure:
        case smtplib.SMTPRecipientsRefused():
            code, answer = _refusal_of_recipient(failure)
            return f"to its recipient the server says: {code} {text_of(answer)}"
        case smtplib.SMTPSenderRefused():
            return f"to its sender the server says: {failure.smtp_code} {text_of(failure.smtp_error)}"
        case smtplib.SMTPDataError():
            return f"to its content the server says: {failure.smtp_code} {text_of(failure.smtp_error)}"
        case _:
            return str(failure)
