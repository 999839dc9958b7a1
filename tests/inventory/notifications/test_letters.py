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


def mail_of(letter: Letter) -> EmailMessage:
    return compose(letter, sender=SENDER, base_url="https://shop.example")


def text(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content


def test_a_mail_says_to_whom_from_whom_and_why() -> None:
    mail = mail_of(LETTER)

    assert (mail["From"], mail["To"]) == (SENDER, "Jo Ü <me@example.com>")
    assert mail["Subject"] == "Your reservation is confirmed"
    assert mail["Date"] == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert mail["Message-ID"] == f"<{UUID(int=1)}@holdfast.example>"
    assert (mail["Auto-Submitted"], mail["X-Request-ID"]) == ("auto-generated", "a-request")
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


OF_RESERVATIONS = [kind for kind in SUBJECTS if kind.startswith("reservation.")]
OF_ACCOUNTS = [kind for kind in SUBJECTS if kind not in OF_RESERVATIONS]


@pytest.mark.parametrize("kind", OF_RESERVATIONS)
def test_each_kind_names_reservation_reference_and_what_is_in_it(kind: str) -> None:
    mail = mail_of(replace(LETTER, notification=replace(NOTIFICATION, kind=kind)))

    for body in (text(mail, "plain"), text(mail, "html")):
        for word in (str(UUID(int=3)), "cart-81", "Jo Ü", "TEE", "Tee, M", "MUG", "2", "1"):
            assert word in body, (word, body)
        assert "None" not in body
        assert "{" not in body.replace("{background", "")


@pytest.mark.parametrize("kind", OF_ACCOUNTS)
def test_a_mail_about_an_account_says_what_to_do_if_it_was_not_its_owner(kind: str) -> None:
    letter = Letter(replace(NOTIFICATION, kind=kind, reservation_id=None), "me@example.com", "Jo Ü")

    mail = mail_of(letter)

    for body in (text(mail, "plain"), text(mail, "html")):
        assert "Jo Ü" in body
        assert "If " in body
        assert "reservation" not in body.lower()


@pytest.mark.parametrize(("kind", "page"), [("account.registered", "verify-email"), ("password.forgotten", "reset-password")])
def test_a_link_starts_as_the_settings_say_and_keeps_its_token_from_servers(kind: str, page: str) -> None:
    letter = Letter(replace(NOTIFICATION, kind=kind, reservation_id=None), "me@example.com", "Jo Ü", link_token="a-token")

    mail = mail_of(letter)

    link = f"https://shop.example/account/{page}#token=a-token"
    assert link in text(mail, "plain").split()
    assert f'href="{link}"' in text(mail, "html")


@pytest.mark.parametrize("kind", ["account.registered_again", "password.changed", "session.reused"])
def test_whoever_must_act_is_told_where(kind: str) -> None:
    mail = mail_of(Letter(replace(NOTIFICATION, kind=kind, reservation_id=None), "me@example.com", "Jo"))

    link = "https://shop.example/account/forgot-password"
    assert link in text(mail, "plain").split()
    assert f'href="{link}"' in text(mail, "html")


def test_who_has_no_name_yet_is_greeted_without_one() -> None:
    mail = mail_of(replace(LETTER, full_name=None))

    assert mail["To"] == "me@example.com"
    assert text(mail, "plain").startswith("Hello,\n")
    assert '<p style="margin:0 0 20px">Hello, ' in text(mail, "html")


def test_a_letter_does_not_show_its_token() -> None:
    assert "a-token" not in repr(replace(LETTER, link_token="a-token"))


def test_kinds_can_be_told_apart() -> None:
    bodies = {text(mail_of(replace(LETTER, notification=replace(NOTIFICATION, kind=kind))), "plain") for kind in SUBJECTS}

    assert len(bodies) == len(set(SUBJECTS.values())) == len(SUBJECTS)


def test_without_a_reference_none_is_mentioned() -> None:
    mail = mail_of(replace(LETTER, external_ref=None))

    assert "reference" not in text(mail, "plain") + text(mail, "html")


def test_without_a_request_none_is_mentioned() -> None:
    assert "X-Request-ID" not in mail_of(replace(LETTER, notification=replace(NOTIFICATION, request_id=None)))


def test_the_same_letter_is_the_same_mail() -> None:
    assert mail_of(LETTER)["Message-ID"] == mail_of(LETTER)["Message-ID"]


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "{% raw %}"])
def test_whatever_people_call_things_is_shown_and_not_run(evil: str) -> None:
    mail = mail_of(replace(LETTER, full_name="Jo", external_ref=evil, items=(Item(evil, evil, 1),)))

    assert text(mail, "plain").count(evil) == 3
    assert "<script" not in text(mail, "html")
    assert "<img" not in text(mail, "html")
    assert "49" not in text(mail, "html") + text(mail, "plain")


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r"])
def test_a_line_break_in_a_name_makes_no_header_and_keeps_no_mail_back(break_: str) -> None:
    mail = mail_of(replace(LETTER, full_name=f"Jo{break_}Bcc: all@example.com"))

    assert message_from_bytes(mail.as_bytes(), policy=modern)["Bcc"] is None
    assert mail["To"].addresses[0].display_name == "Jo Bcc: all@example.com"
    assert mail["To"].addresses[0].addr_spec == "me@example.com"


def test_a_mail_survives_the_wire() -> None:
    mail = message_from_bytes(mail_of(LETTER).as_bytes(), policy=modern)

    assert isinstance(mail, EmailMessage)
    assert mail["To"] == "Jo Ü <me@example.com>"
    assert "Jo Ü" in text(mail, "plain")
