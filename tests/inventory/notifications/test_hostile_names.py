"""Without these, whoever chooses a name speaks to others in our voice, or runs something where they read it."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern

import pytest

from services.inventory.notifications.letters import on_one_line
from services.inventory.notifications.model import Item, StockNews
from services.inventory.stock.events import LOW
from tests.support.letters import LETTER, RAN_LOW, both, letter_of, mail_of, text


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "{% raw %}"])
def test_whatever_people_call_things_is_shown_and_not_run(evil: str) -> None:
    item, crossing = Item(evil, evil, 1), replace(RAN_LOW, sku=evil, name=evil, warehouse=evil)
    about_order = mail_of(replace(LETTER, full_name=evil, external_ref=evil, items=(item,)))
    about_stock = mail_of(replace(letter_of(LOW), full_name=evil, news=StockNews(0, 1, (crossing,))))

    for mail in (about_order, about_stock):
        assert text(mail, "plain").count(evil) == 4
        assert "<script" not in text(mail, "html")
        assert "<img" not in text(mail, "html")
        assert "49" not in text(mail, "html") + text(mail, "plain")


@pytest.mark.parametrize("break_", ["\r\n\r\n", "\n", "\r", "\u2028", "\u0085", "\x0b"])
def test_a_line_break_in_a_name_does_not_let_it_speak_in_our_voice(break_: str) -> None:
    name = f"Mug{break_}Your password has leaked"
    letter = replace(LETTER, full_name=name, external_ref=name, items=(Item(name, name, 1),))

    plain, html = both(mail_of(letter))

    said = [line for line in plain.splitlines() if "leaked" in line]
    assert said == [f"Hello {on_one_line(name)},", *(line for line in said[1:] if on_one_line(name) in line)]
    assert len(said) == 3
    assert html.count("Mug Your password has leaked") == 4


@pytest.mark.parametrize("turn", ["\u202e", "\u202d", "\u202a", "\u202b", "\u2066", "\u2067", "\u2068", "\u200e", "\u200f", "\u061c"])
def test_a_name_cannot_turn_round_how_the_rest_reads(turn: str) -> None:
    name = f"Jo{turn}exe.gpj"
    mail = mail_of(replace(LETTER, full_name=name, external_ref=name, items=(Item(name, name, 1),)))

    for part in (*both(mail), str(mail["To"]), str(mail["Subject"])):
        assert turn not in part
    assert text(mail, "plain").count("Joexe.gpj") == 4


@pytest.mark.parametrize("unseen", ["\u200b", "\u00ad", "\ufeff", "\x1b", "\x7f", "\u2060"])
def test_what_cannot_be_seen_is_not_there(unseen: str) -> None:
    assert on_one_line(f"pass{unseen}word") == "password"


@pytest.mark.parametrize("name", ["👩‍🚀 Ann", "می‌خواهم", "שלום", "Zoë Ünal-Ørsted"])  # letters of people's names
def test_a_name_that_is_written_in_another_way_than_ours_stays_as_it_is(name: str) -> None:
    mail = mail_of(replace(LETTER, full_name=name))

    assert mail["To"].addresses[0].display_name == name
    for body in both(mail):
        assert name in body


def test_names_as_long_as_they_can_be_stay_whole_and_break_where_they_must() -> None:
    name, sku = "Ü" * 200, "S" * 200
    mail = mail_of(replace(LETTER, full_name=name, external_ref=sku, items=(Item(sku, name, 1_000_000),) * 50))

    sent = message_from_bytes(mail.as_bytes(), policy=modern)
    assert isinstance(sent, EmailMessage)
    assert sent["To"].addresses[0].display_name.replace(" ", "") == name  # Python's parser puts a blank where the header was folded
    assert max(len(line) for line in mail.as_bytes().splitlines()) <= 998  # RFC 5322
    assert text(sent, "plain").count(name) == 51
    html = text(sent, "html")
    assert html.count(name) == 51
    assert all("overflow-wrap:anywhere" in html[html.rindex("style=", 0, at) : at] for at in _places(html, f"<bdi>{name}"))


def _places(body: str, what: str) -> list[int]:
    return [found.start() for found in re.finditer(what, body)]


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r"])
def test_a_line_break_in_a_name_makes_no_header_and_keeps_no_mail_back(break_: str) -> None:
    mail = mail_of(replace(LETTER, full_name=f"Jo{break_}Bcc: all@example.com"))

    assert message_from_bytes(mail.as_bytes(), policy=modern)["Bcc"] is None
    assert mail["To"].addresses[0].display_name == "Jo Bcc: all@example.com"
    assert mail["To"].addresses[0].addr_spec == "me@example.com"
