"""Without these, a mail that proves an address reaches another one, or can never be sent."""

import string
from dataclasses import replace
from email import message_from_bytes
from email.policy import default as modern

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from services.inventory.accounts.model import is_email
from services.inventory.notifications.letters import compose
from tests.support.letters import LETTER, SENDER

LONGEST = f"{'x' * 64}@{'.'.join(['y' * 63] * 2)}.{'z' * 61}"


@pytest.mark.parametrize(
    "email", ["a@b.cd", "o'neil+tag@mail.example.co.uk", "x_y-z.1@1.example", "{|}@a-b.c", "a@xn--bcher-kva.example", LONGEST]
)
def test_an_address_is_one(email: str) -> None:
    assert is_email(email)


@pytest.mark.parametrize(
    "other",
    [
        *(
            "",
            "a",
            "a@",
            "@b.cd",
            "a@b",
            "a@b.",
            "a@.b",
            "a@b..cd",
            "a@-b.cd",
            "a@b-.cd",
            "a@b_c.de",
            "a@b.cd ",
            " a@b.cd",
            "a@[127.0.0.1]",
        ),
        *(
            ".a@b.cd",
            "a.@b.cd",
            "a..b@c.de",
            "a b@c.de",
            "a,b@c.de",
            "a;b@c.de",
            "a:b@c.de",
            "<a@b.cd>",
            "a(b)@c.de",
            '"a b"@c.de',
            "a\\b@c.de",
        ),
        *("a@b@c.de", "a@b.cd\n", "a@b.cd\r\nBcc: c@d.ef", "a\0@b.cd", "ä@b.cd", "a@bücher.de", "a\u202e@b.cd", "\ud800@b.cd", "ⓐ@b.cd"),
        *(f"{'x' * 65}@b.cd", f"a@{'y' * 64}.cd", f"{LONGEST}z", "a@" + "b." * 40_000 + "c", "a." * 40_000 + "@b.cd"),
    ],
)
def test_anything_else_is_none(other: str) -> None:
    assert not is_email(other)


@given(some.builds("{}@{}.example".format, some.text(string.printable, max_size=12), some.text(string.printable, max_size=12)))
@example("a(b)@c.example")
@example("a,b@c.example")
def test_what_is_an_address_to_us_is_the_same_to_the_mail(email: str) -> None:
    if is_email(email):
        mail = message_from_bytes(
            compose(replace(LETTER, email=email), sender=SENDER, base_url="https://shop.example").as_bytes(), policy=modern
        )

        [recipient] = mail["To"].addresses
        assert recipient.addr_spec == email
