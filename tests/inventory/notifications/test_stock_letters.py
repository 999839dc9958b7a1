"""Without these, the staff get a mail that does not say what is missing where."""

from dataclasses import replace

import pytest

from services.inventory.notifications.model import StockNews
from services.inventory.stock.events import OUT
from tests.support.letters import RAN_LOW, RAN_OUT, both, letter_of, mail_of


@pytest.mark.parametrize(
    ("news", "subject"),
    [
        (StockNews(1, 0, (RAN_OUT,)), "Stock: 1 out"),
        (StockNews(0, 2, (RAN_LOW, RAN_LOW)), "Stock: 2 low"),
        (StockNews(130, 7, (RAN_OUT,)), "Stock: 130 out, 7 low"),
    ],
)
def test_a_subject_about_the_stock_counts_what_crossed(news: StockNews, subject: str) -> None:
    assert mail_of(replace(letter_of(OUT), news=news))["Subject"] == subject


def test_the_staff_read_what_crossed_where_and_how_much_was_left() -> None:
    plain, html = both(mail_of(letter_of(OUT)))

    assert "OUT: Tee, M (TEE) in AMS\n    low at 10, 2 January 2026, 03:03 UTC" in plain
    assert "4 left: Mug (MUG) in BER\n    low at 5, 2 January 2026, 03:03 UTC" in plain
    for word in (">Tee, M<", ">TEE in AMS<", ">out<", ">low at 10<", ">Mug<", ">MUG in BER<", ">4 left<", ">low at 5<"):
        assert word in html
    for body in (plain, html):
        assert "And " not in body
        assert "https://shop.example/v1/stock?low_stock=true" in body


def test_an_item_without_a_limit_has_none_in_the_mail() -> None:
    news = StockNews(1, 0, (replace(RAN_OUT, low_stock_at=0),))

    for body in both(mail_of(replace(letter_of(OUT), news=news))):
        assert "low at" not in body


def test_what_there_was_no_room_for_is_counted() -> None:
    for body in both(mail_of(replace(letter_of(OUT), news=StockNews(130, 7, (RAN_OUT,) * 100)))):
        assert "And 37 more." in body
