"""Without these, a customer's mail has gaps in it, or does what somebody wrote into a product's name."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from uuid import UUID

import pytest

from services.inventory.accounts.model import AccountId
from services.inventory.notifications.letters import SUBJECTS, compose
from services.inventory.notifications.model import Item, Letter, Notification, NotificationId
from services.inventory.reservations.model import ReservationId

SENDER = "Holdfast <no-reply@holdfast.example>"
NOTIFICATION = Notification(
    NotificationId(UUID(int=1)),
    "reservation.confirmed",
    AccountId(UUID(int=2)),
    ReservationId(UUID(int=3)),
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "a-request",
)
LETTER = Letter(NOTIFICATION, "me@example.com", "Jo Ü", "cart-81", (Item("TEE", "Tee, M", 2), Item("MUG", "Mug", 1)))


def text(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content


def test_a_mail_says_to_whom_from_whom_and_why() -> None:
    mail = compose(LETTER, sender=SENDER)

    assert (mail["From"], mail["To"]) == (SENDER, "Jo Ü <me@example.com>")
    assert mail["Subject"] == "Your reservation is confirmed"
    assert mail["Date"] == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert mail["Message-ID"] == f"<{UUID(int=1)}@holdfast.example>"
    assert (mail["Auto-Submitted"], mail["X-Request-ID"]) == ("auto-generated", "a-request")
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("kind", SUBJECTS)
def test_each_kind_names_reservation_reference_and_what_is_in_it(kind: str) -> None:
    mail = compose(replace(LETTER, notification=replace(NOTIFICATION, kind=kind)), sender=SENDER)

    for body in (text(mail, "plain"), text(mail, "html")):
        for word in (str(UUID(int=3)), "cart-81", "Jo Ü", "TEE", "Tee, M", "MUG", "2", "1"):
            assert word in body, (word, body)
        assert "None" not in body
        assert "{" not in body.replace("{background", "")


def test_kinds_can_be_told_apart() -> None:
    bodies = {text(compose(replace(LETTER, notification=replace(NOTIFICATION, kind=kind)), sender=SENDER), "plain") for kind in SUBJECTS}

    assert len(bodies) == len(set(SUBJECTS.values())) == len(SUBJECTS)


def test_without_a_reference_none_is_mentioned() -> None:
    mail = compose(replace(LETTER, external_ref=None), sender=SENDER)

    assert "reference" not in text(mail, "plain") + text(mail, "html")


def test_without_a_request_none_is_mentioned() -> None:
    assert "X-Request-ID" not in compose(replace(LETTER, notification=replace(NOTIFICATION, request_id=None)), sender=SENDER)


def test_the_same_letter_is_the_same_mail() -> None:
    assert compose(LETTER, sender=SENDER)["Message-ID"] == compose(LETTER, sender=SENDER)["Message-ID"]


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "{% raw %}"])
def test_whatever_people_call_things_is_shown_and_not_run(evil: str) -> None:
    mail = compose(replace(LETTER, full_name="Jo", external_ref=evil, items=(Item(evil, evil, 1),)), sender=SENDER)

    assert text(mail, "plain").count(evil) == 3
    assert "<script" not in text(mail, "html")
    assert "<img" not in text(mail, "html")
    assert "49" not in text(mail, "html") + text(mail, "plain")


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r"])
def test_a_line_break_in_a_name_makes_no_header_and_keeps_no_mail_back(break_: str) -> None:
    mail = compose(replace(LETTER, full_name=f"Jo{break_}Bcc: all@example.com"), sender=SENDER)

    assert message_from_bytes(mail.as_bytes(), policy=modern)["Bcc"] is None
    assert mail["To"].addresses[0].display_name == "Jo Bcc: all@example.com"
    assert mail["To"].addresses[0].addr_spec == "me@example.com"


def test_a_mail_survives_the_wire() -> None:
    mail = message_from_bytes(compose(LETTER, sender=SENDER).as_bytes(), policy=modern)

    assert isinstance(mail, EmailMessage)
    assert mail["To"] == "Jo Ü <me@example.com>"
    assert "Jo Ü" in text(mail, "plain")
