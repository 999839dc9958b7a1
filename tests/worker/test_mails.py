"""Without these, customers are not told what became of their reservation, or are told by a mail that does harm."""

from email.message import EmailMessage
from functools import partial

import pytest_asyncio

from tests.support.api import Client, line
from tests.support.clock import expire
from tests.support.database import Database
from tests.support.delivery import are_sent
from tests.support.eventually import eventually
from tests.support.mail import Mails
from tests.support.processes import Processes

_WITHIN_SECONDS = 20
_HOSTILE = "Eve <script>alert('x')</script>\r\nBcc: all@example.com\n{{ 7 * 7 }} {% raw %}"
_ON_ONE_LINE = " ".join(_HOSTILE.split())


@pytest_asyncio.fixture
async def eve(customer: Client, staff: Client, database: Database) -> Client:
    """A customer who chose her name with care, in a shop that did the same."""
    assert customer.person
    await database.do("UPDATE accounts SET full_name = $1 WHERE account_id = $2", _HOSTILE, customer.person.account_id)
    assert (await staff.create_product("LAMP", name=_HOSTILE)).is_success
    for sku in ("LAMP", "MUG"):
        await staff.stock(sku, "AMS", 100)
    return customer


async def test_each_end_of_a_reservation_is_told_in_one_mail_that_says_what_it_is_about(
    eve: Client, database: Database, mails: Mails, processes: Processes
) -> None:
    placed = {
        name: await eve.place(line("LAMP", 2), line("MUG", 3), external_ref=f"cart <{name}>")
        for name in ("confirmed", "cancelled", "expired", "kept")
    }
    ids = {name: answer.json()["id"] for name, answer in placed.items()}
    await eve.confirm(ids["confirmed"])
    await eve.cancel(ids["cancelled"])
    await expire(database, ids["expired"])

    processes.worker()
    processes.relay()
    await mails.arrive(3, within_seconds=_WITHIN_SECONDS)
    await eventually(partial(are_sent, database, 3), within_seconds=_WITHIN_SECONDS)

    told = {str(mail["Subject"]): mail for mail in mails.received}
    assert len(mails.received) == len(told) == 3
    _assert_tells(told["Your reservation is confirmed"], eve, ids["confirmed"], "cart <confirmed>")
    _assert_tells(told["Your reservation is cancelled"], eve, ids["cancelled"], "cart <cancelled>")
    _assert_tells(told["Your reservation has expired"], eve, ids["expired"], "cart <expired>")
    assert await _message_ids_by_the_rows(database) == {mail["Message-ID"] for mail in mails.received}


def _assert_tells(mail: EmailMessage, customer: Client, reservation_id: str, reference: str) -> None:
    """To its owner alone, in text and in HTML, everything that they need to recognise it."""
    assert customer.person
    [recipient] = mail["To"].addresses
    assert (recipient.addr_spec, recipient.display_name) == (customer.person.email, _ON_ONE_LINE)
    assert mail["Bcc"] is None
    text, html = (_content(mail, kind) for kind in ("plain", "html"))
    for told in (reservation_id, "3 x The MUG (MUG)", "2 x Eve <script>", "(LAMP)"):
        assert told in text
    for told in (reservation_id, ">The MUG<", ">3 ×<", ">2 ×<", ">LAMP<"):  # noqa: RUF001  # the sign itself
        assert told in html
    assert reference in text
    assert reference.replace("<", "&lt;").replace(">", "&gt;") in html
    assert "{{ 7 * 7 }}" in text
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def _content(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part
    return str(part.get_content())


async def _message_ids_by_the_rows(database: Database) -> set[str]:
    rows = await database.rows("SELECT notification_id FROM notifications")
    return {f"<{notification_id}@holdfast.example>" for (notification_id,) in rows}
