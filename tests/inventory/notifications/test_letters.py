"""Without these, a mail has gaps in it, or there is none for what people should hear of."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from uuid import UUID

import pytest

from services.inventory.notifications.letters import KINDS
from services.inventory.notifications.model import Letter
from services.worker.subscriptions import SUBSCRIPTIONS
from tests.support.letters import LETTER, NOTIFICATION, OF_ACCOUNTS, OF_RESERVATIONS, OF_STOCK, SENDER, both, letter_of, mail_of, text

_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def test_a_mail_says_to_whom_from_whom_and_why() -> None:
    mail = mail_of(LETTER)

    assert (mail["From"], mail["To"]) == (SENDER, "Jo Ü <me@example.com>")
    assert mail["Subject"] == "Your reservation is confirmed"
    assert mail["Date"] == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert mail["Message-ID"] == f"<{UUID(int=1)}@holdfast.example>"
    assert (mail["Auto-Submitted"], mail["X-Request-ID"]) == ("auto-generated", "a-request")
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("kind", OF_RESERVATIONS)
def test_each_kind_names_reservation_reference_and_what_is_in_it(kind: str) -> None:
    mail = mail_of(letter_of(kind))

    for body in both(mail):
        for word in (str(UUID(int=3)), "cart-81", "Jo Ü", "TEE", "Tee, M", "MUG", "2", "1"):
            assert word in body, (word, body)
        assert "None" not in body
        assert "{" not in _STYLE.sub("", body)


@pytest.mark.parametrize("kind", OF_ACCOUNTS)
def test_a_mail_about_an_account_says_what_to_do_if_it_was_not_its_owner(kind: str) -> None:
    for body in both(mail_of(letter_of(kind))):
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
    assert ">Hello,</p>" in text(mail, "html")


def test_a_letter_does_not_show_its_token() -> None:
    assert "a-token" not in repr(replace(LETTER, link_token="a-token"))


def test_kinds_can_be_told_apart() -> None:
    about_customers = [mail_of(letter_of(kind)) for kind in KINDS if kind not in OF_STOCK]

    assert len({text(mail, "plain") for mail in about_customers}) == len({mail["Subject"] for mail in about_customers}) == len(KINDS) - 2


def test_without_a_reference_none_is_mentioned() -> None:
    mail = mail_of(replace(LETTER, external_ref=None))

    assert "reference" not in text(mail, "plain") + text(mail, "html")


def test_without_a_request_none_is_mentioned() -> None:
    assert "X-Request-ID" not in mail_of(replace(LETTER, notification=replace(NOTIFICATION, request_id=None)))


def test_the_same_letter_is_the_same_mail() -> None:
    assert mail_of(LETTER)["Message-ID"] == mail_of(LETTER)["Message-ID"]


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_hears_of_something_has_a_mail_for_it_in_text_and_in_html_that_says_when_it_was(kind: str) -> None:
    for body in both(mail_of(letter_of(kind))):
        assert re.search(r"\b2 January 2026, 03:0\d(:07)? UTC\b", body), body


def test_every_kind_that_somebody_is_told_of_can_be_composed() -> None:
    told = {name for name, reactions in SUBSCRIPTIONS.items() if reactions}

    assert told == set(KINDS)


def test_who_is_about_to_lose_a_hold_is_told_until_when_to_the_second() -> None:
    for body in both(mail_of(letter_of("reservation.expiring"))):
        assert body.count("2 January 2026, 03:06:07 UTC") >= 2
        assert "If you have done so already, you need not do anything" in " ".join(body.split())


def test_a_mail_survives_the_wire() -> None:
    mail = message_from_bytes(mail_of(LETTER).as_bytes(), policy=modern)

    assert isinstance(mail, EmailMessage)
    assert mail["To"] == "Jo Ü <me@example.com>"
    assert "Jo Ü" in text(mail, "plain")
