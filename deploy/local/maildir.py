"""The caught mails: written as they arrive, read for the page and for the terminal.

Mails may be hostile or broken, so nothing here trusts a header to be well-formed.
"""

import hashlib
import mailbox
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

LISTED_MAX = 200
MAIL_BYTES_MAX = 1_000_000  # ours are a few thousand; the catcher refuses what is larger
PART_CHARACTERS_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail: what a list shows, every header, and the bodies, which are empty when the mail has none of that kind."""

    mail_id: str
    received_at: datetime
    sender: str
    to: str
    subject: str
    message_id: str
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str


def prepare(maildir: Path) -> None:
    """Make the three folders of a Maildir, for its owner only."""
    for folder in (maildir, maildir / "tmp", maildir / "new", maildir / "cur"):
        folder.mkdir(mode=0o700, exist_ok=True)


def deliver(maildir: Path, content: bytes, *, sender: str, recipients: Iterable[str]) -> None:
    """Store a mail so that it survives this process; the recipients of the envelope are put on top."""
    envelope = [f"Return-Path: <{sender}>", *(f"Delivered-To: {recipient}" for recipient in recipients)]
    mailbox.Maildir(maildir).add("".join(f"{line}\r\n" for line in envelope).encode() + content)


def newest(maildir: Path, limit: int = LISTED_MAX) -> list[Mail]:
    """The latest mails, newest first."""
    return [_read(file) for file in _newest_files(maildir)[:limit]]


def find(maildir: Path, mail_id: str) -> Mail | None:
    """One mail, or None. The id is compared, never used as a path."""
    return next((_read(file) for file in _newest_files(maildir) if _id_of(file) == mail_id), None)


def _newest_files(maildir: Path) -> list[Path]:
    files = [file for folder in ("new", "cur") for file in (maildir / folder).iterdir() if os.access(file, os.R_OK)]
    return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name), reverse=True)


def _id_of(file: Path) -> str:
    """The same while a mail program moves the file to another folder or adds flags to its name."""
    return hashlib.sha256(file.name.split(":", maxsplit=1)[0].encode()).hexdigest()[:12]


def _read(file: Path) -> Mail:
    with file.open("rb") as opened:
        message = BytesParser().parsebytes(opened.read(MAIL_BYTES_MAX))
    return Mail(
        mail_id=_id_of(file),
        received_at=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        sender=_readable(message.get("From", "")),
        to=_readable(message.get("To") or message.get("Delivered-To", "")),
        subject=_readable(message.get("Subject", "")) or "(no subject)",
        message_id=_readable(message.get("Message-ID", "")),
        headers=tuple((name, _readable(value)) for name, value in message.items()),
        text=_body(message, "text/plain"),
        html=_body(message, "text/html"),
    )


def _readable(header: object) -> str:
    try:
        readable = str(make_header(decode_header(str(header))))
    except (HeaderParseError, LookupError, ValueError):  # an encoding that is unknown, or wrong for its bytes
        readable = str(header)
    return " ".join(readable.split())


def _body(message: Message, content_type: str) -> str:
    for part in message.walk():
        if part.get_content_type() == content_type and part.get_content_disposition() != "attachment":
            payload = part.get_payload(decode=True)
            content = payload if isinstance(payload, bytes) else b""
            return _decoded(content, part.get_content_charset() or "utf-8")[:PART_CHARACTERS_MAX]
    return ""


def _decoded(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset, errors="replace")
    except (LookupError, ValueError):  # no such charset, or one that is no charset, like "base64"
        return content.decode(errors="replace")
