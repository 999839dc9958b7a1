"""Without these, a mail is a white square on a dark phone, or tells a stranger's server when it was read."""

import re

import pytest

from services.inventory.notifications.letters import KINDS
from tests.support.letters import both, letter_of, mail_of, text

_ELEMENTS = {"html", "head", "meta", "title", "style", "body", "div", "p", "h1", "a", "bdi", "br", "span", "strong", "table", "tr", "td"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_asks_nothing_of_other_servers_and_runs_nothing(kind: str) -> None:
    html = text(mail_of(letter_of(kind)), "html")

    assert set(re.findall(r"<(\w+)", html)) <= _ELEMENTS
    assert re.findall(r"(?:src|background|srcset|action)\s*=", html) == re.findall(r"url\(|@import", html) == []
    assert all(link.startswith("https://shop.example/") for link in re.findall(r'href="([^"]*)"', html))


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_can_be_read_on_a_phone_and_on_a_dark_screen(kind: str) -> None:
    plain, html = both(mail_of(letter_of(kind)))

    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert not re.search(r"[^-]width:(?!100%|84px)\d", html)  # nothing is wider than a phone
    # What a list of mails shows beside the subject is what happened, and not the name of the house.
    [shown_first] = re.findall(r'<div style="display:none[^"]*">(.*?)</div>', html, re.DOTALL)
    assert len(shown_first.strip()) > 20
    assert max(len(line) for line in plain.splitlines() if "://" not in line) <= 85
