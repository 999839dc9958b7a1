"""Without these, one hostile or broken mail hides all others."""

import os
from email.message import EmailMessage
from pathlib import Path

import pytest

from deploy.local import maildir


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    maildir.prepare(tmp_path / "mail")
    return tmp_path / "mail"


def receive(folder: Path, content: bytes, *recipients: str) -> maildir.Mail:
    """Deliver a mail and read it back."""
    maildir.deliver(folder, content, sender="us@example.com", recipients=recipients or ["you@example.com"])
    return maildir.newest(folder)[0]


def test_a_mail_is_read_as_it_was_sent(folder: Path) -> None:
    sent = EmailMessage()
    sent["From"], sent["To"], sent["Subject"], sent["Message-ID"] = "us@example.com", "you@example.com", "Grüße", "<1@example.com>"
    sent.set_content("Text — mit Strich\n")
    sent.add_alternative("<p>HTML</p>\n", subtype="html")

    mail = receive(folder, sent.as_bytes())

    assert (mail.sender, mail.to, mail.subject, mail.message_id) == ("us@example.com", "you@example.com", "Grüße", "<1@example.com>")
    assert (mail.text, mail.html) == ("Text — mit Strich\n", "<p>HTML</p>\n")


def test_the_newest_comes_first(folder: Path) -> None:
    for number, subject in enumerate(["first", "second", "third"]):
        receive(folder, f"Subject: {subject}\r\n\r\n".encode())
        os.utime(next(file for file in (folder / "new").iterdir() if subject in file.read_text()), (number, number))

    assert [mail.subject for mail in maildir.newest(folder, limit=2)] == ["third", "second"]


def test_the_recipients_of_the_envelope_are_kept(folder: Path) -> None:
    mail = receive(folder, b"Subject: hidden copy\r\n\r\n", "a@example.com", "b@example.com")

    assert [value for name, value in mail.headers if name == "Delivered-To"] == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    ("content", "subject"),
    [
        (b"", "(no subject)"),
        (b"\x00\xff\xfe no header at all", "(no subject)"),
        (b"Subject: =?no-such-charset?q?what?=\r\n\r\n", "=?no-such-charset?q?what?="),
        (b"Subject: =?utf-8?b?a?=\r\n\r\n", "=?utf-8?b?a?="),
        (b"Subject: two\r\n lines\r\n\r\n", "two lines"),
    ],
)
def test_a_broken_header_hides_nothing(folder: Path, content: bytes, subject: str) -> None:
    assert receive(folder, content).subject == subject


@pytest.mark.parametrize("charset", ["no-such-charset", "base64"])
def test_a_body_in_no_charset_is_shown_as_well_as_possible(folder: Path, charset: str) -> None:
    assert receive(folder, f"Content-Type: text/plain; charset={charset}\r\n\r\nwords".encode()).text == "words"


def test_an_attachment_is_not_taken_for_the_text(folder: Path) -> None:
    sent = EmailMessage()
    sent.add_attachment("attached", filename="notes.txt")

    assert receive(folder, sent.as_bytes()).text == ""


def test_a_mail_keeps_its_id_while_a_mail_program_moves_it(folder: Path) -> None:
    mail = receive(folder, b"Subject: moved\r\n\r\n")
    [file] = (folder / "new").iterdir()

    file.rename(folder / "cur" / f"{file.name}:2,S")

    assert maildir.find(folder, mail.mail_id) == mail


def test_an_id_is_never_a_path(folder: Path) -> None:
    (folder.parent / "secrets").write_text("secret")

    assert maildir.find(folder, "../secrets") is None


def test_nobody_else_can_read_the_mails(folder: Path) -> None:
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())} == {0}
