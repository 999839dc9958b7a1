"""One conversation with a mail server: encrypted and signed in as its URL says, and over when its time is over.

smtplib limits each read alone. A server that sends a byte now and then, or whose name has eight dead addresses, would hold its
caller for ever; here an answer has an end, and so has the whole. Only the resolver keeps its own time.
"""

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from time import monotonic
from typing import Any
from urllib.parse import SplitResult, unquote

ANSWER_BYTES_MAX = 65_536  # some servers quote their rules
QUIT_SECONDS_MAX = 1  # a courtesy
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_READ_BYTES = 4_096
_GREETING = 220
_OUR_LINK = re.compile(r"\S*token=\S*")

SmtpFailure = (smtplib.SMTPException, OSError)  # what is raised when a server, or the way to it, is not as it should be


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take."""

    connect_seconds: float = 5  # for one of its addresses
    answer_seconds: float = 10  # to one command
    total_seconds: float = 15  # for one mail, from connecting to the last answer; below the task's hard limit


PATIENCE = Patience()


class NotOpened(smtplib.SMTPException):
    """There is no session, and so no mail is to blame."""


class Session(smtplib.SMTP):
    """An open connection. `open_session` makes one."""

    def __init__(self, url: SplitResult, *, own_name: str, tls: ssl.SSLContext | None, patience: Patience, deadline: float) -> None:
        super().__init__(local_hostname=own_name)  # given, or smtplib would ask the resolver for it each time
        self.deadline = deadline  # of all that is said until there is another, by time.monotonic
        self.mails = 0  # that were begun
        self.answers = 0  # since the last of them was
        self.used_at = monotonic()
        self._url = url
        self._host = url.hostname or ""  # whose name the certificate must have
        self._tls = tls
        self._patience = patience
        self._answer_seconds = patience.answer_seconds

    def start(self) -> None:
        """Greet the server, encrypt, sign in: all that the URL says, and nothing less."""
        code, text = self.connect(self._host, self._url.port or PORTS[self._url.scheme])
        if code != _GREETING:
            raise smtplib.SMTPConnectError(code, text)
        if self._url.scheme == "smtp+starttls":
            self.starttls(context=self._tls)
        self.ehlo_or_helo_if_needed()
        if self._url.username:
            self.login(unquote(self._url.username), unquote(self._url.password or ""))

    def hand_in(self, mail: EmailMessage) -> None:
        """Return when the server has taken responsibility for the mail."""
        self.mails += 1
        self.answers = 0
        self.send_message(mail)
        self.used_at = monotonic()

    def hang_up(self) -> None:
        self.deadline = monotonic() + QUIT_SECONDS_MAX
        with suppress(*SmtpFailure):
            self.quit()
        self.close()

    def data(self, msg: Any) -> tuple[int, bytes]:
        """With all the time that is left: a server that reads a mail before it takes it would take it again and again."""
        self._answer_seconds = self._patience.total_seconds
        try:
            return super().data(msg)
        finally:
            self._answer_seconds = self._patience.answer_seconds

    def send(self, s: Any) -> None:
        if self.sock:
            self.sock.settimeout(_left(self.deadline))
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file = _Lines(self.sock)
        self.file.begin_answer(min(self.deadline, monotonic() + self._answer_seconds))
        answer = super().getreply()
        self.answers += 1
        return answer

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        del timeout  # smtplib's, which is for each address anew
        sock = self._connect(host, port)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a command is one segment and waits for nothing to follow it
        sock.settimeout(_left(min(self.deadline, monotonic() + self._patience.answer_seconds)))
        if self._tls is None or self._url.scheme != "smtps":
            return sock
        return self._tls.wrap_socket(sock, server_hostname=host)

    def _connect(self, host: str, port: int) -> socket.socket:
        failure = OSError("the name has no address")
        for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                return socket.create_connection((str(address[0]), port), min(self._patience.connect_seconds, _left(self.deadline)))
            except OSError as error:
                failure = error
        raise failure


class _Lines:
    """What smtplib reads answers from."""

    def __init__(self, sock: socket.socket | None) -> None:
        self._sock = sock
        self._kept = b""
        self._bytes_left = 0
        self._answer_by = 0.0

    def begin_answer(self, answer_by: float) -> None:
        self._bytes_left = ANSWER_BYTES_MAX
        self._answer_by = answer_by

    def readline(self, limit: int) -> bytes:
        while b"\n" not in self._kept and len(self._kept) < limit and self._read():
            continue
        line, newline, self._kept = self._kept.partition(b"\n")
        self._bytes_left -= len(line)
        return line + newline

    def close(self) -> None:
        """The session closes the socket."""

    def _read(self) -> bool:
        if self._sock is None or self._bytes_left <= 0:
            raise OSError("an answer without an end")
        self._sock.settimeout(_left(self._answer_by))
        more = self._sock.recv(_READ_BYTES)
        self._kept += more
        return bool(more)


def open_session(url: SplitResult, *, own_name: str, tls: ssl.SSLContext | None, patience: Patience, deadline: float) -> Session:
    """A session that is ready for mails. Raises NotOpened."""
    session = Session(url, own_name=own_name, tls=tls, patience=patience, deadline=deadline)
    try:
        session.start()
    except (*SmtpFailure, ValueError) as failure:
        session.close()
        raise NotOpened(_reason(failure)) from None
    return session


def _reason(failure: Exception) -> str:
    match failure:
        case smtplib.SMTPAuthenticationError():
            # The code alone: a server may repeat what it was told, which is the password.
            return f"the server does not let us sign in: {failure.smtp_code}"
        case UnicodeError():
            return "the user name and the password for the mail server must be ASCII"
        case smtplib.SMTPResponseException():
            return f"no session: {failure.smtp_code} {text_of(failure.smtp_error)}"
        case _:
            return f"no session: {failure}"


def text_of(answer: bytes | str) -> str:
    """For people. Without what may be a link of ours: some servers quote what they take for spam."""
    text = answer.decode("ascii", "replace") if isinstance(answer, bytes) else answer
    return _OUR_LINK.sub("…", text)


def _left(deadline: float) -> float:
    """Seconds until then. Raises TimeoutError when there are none."""
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
