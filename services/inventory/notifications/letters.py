"""A letter as the mail that leaves the house: text and HTML, from one template of each for every kind of event.

Whatever a customer or a product is called ends up in a mail. So HTML is escaped and every text is put on one line without
exception, where no template can forget it, and headers are built by the standard library, which refuses line breaks.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from services.inventory.accounts.events import (
    AccountRegistered,
    AccountRegisteredAgain,
    PasswordChanged,
    PasswordForgotten,
    SessionReused,
)
from services.inventory.notifications.model import Letter, StockNews
from services.inventory.reservations.events import (
    ReservationCancelled,
    ReservationConfirmed,
    ReservationDisplaced,
    ReservationExpired,
    ReservationExpiring,
    ReservationFulfilled,
)
from services.inventory.stock.events import LOW, OUT

SUBJECTS = {
    ReservationConfirmed.name: "Your reservation is confirmed",
    ReservationCancelled.name: "Your reservation is cancelled",
    ReservationDisplaced.name: "Your reservation could not be kept",
    ReservationFulfilled.name: "Your order is on its way",
    ReservationExpiring.name: "Your reservation is about to expire",
    ReservationExpired.name: "Your reservation has expired",
    AccountRegistered.name: "Open your account",
    AccountRegisteredAgain.name: "You have an account already",
    PasswordForgotten.name: "Choose another password",
    PasswordChanged.name: "Your password was changed",
    SessionReused.name: "Your session was used twice",
}
KINDS = (*SUBJECTS, LOW, OUT)  # of all mails; a subject about the stock counts what it tells
# The pages of the API that post the token of a mail's link, after a click: programs that scan mails follow every link.
_PAGES = {AccountRegistered.name: "/account/verify-email", PasswordForgotten.name: "/account/reset-password"}

# Characters that are not seen but change how others are: controls, and what turns the direction of a line. These two are seen:
# words of Persian and many an emoji fall apart without them.
_UNSEEN = {"Cc", "Cf"}
_JOINERS = "\u200c\u200d"


def on_one_line(text: str) -> str:
    """The text without line breaks and without characters that could make a reader see something else than is written."""
    one_line = " ".join(text.split())
    return "".join(character for character in one_line if character in _JOINERS or unicodedata.category(character) not in _UNSEEN)


def instant(at: datetime, *, with_seconds: bool = False) -> str:
    """As a person reads it, with the zone: who reads a mail may be anywhere."""
    utc = at.astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M:%S} UTC" if with_seconds else f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def _harmless(value: object) -> object:
    is_printed_already = hasattr(value, "__html__")  # by a macro or a block, which cleaned its parts
    return on_one_line(value) if isinstance(value, str) and not is_printed_already else value


_templates = Environment(
    loader=PackageLoader("services.inventory.notifications"),
    autoescape=select_autoescape(["html"]),
    finalize=_harmless,  # whatever a template prints goes through it, but for what another template has printed
    undefined=StrictUndefined,  # a misspelt name is an error in a test, not a gap in a customer's mail
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["instant"] = instant


def compose(letter: Letter, *, sender: str, base_url: str) -> EmailMessage:
    """The mail. `base_url` is what its links start with.

    The same letter gives the same Message-ID, so a mail sent twice can be told from two mails.
    """
    notification = letter.notification
    subject = _subject_about(letter.news) if letter.news else SUBJECTS[notification.kind]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    # A name with a line break would be refused, each time anew, and its owner never told anything.
    mail["To"] = Address(display_name=on_one_line(letter.full_name or ""), addr_spec=letter.email)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(notification.created_at)
    mail["Message-ID"] = f"<{notification.notification_id}@{parseaddr(sender)[1].partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: an out-of-office reply would answer nobody
    if notification.request_id is not None:
        mail["X-Request-ID"] = notification.request_id
    words = _words(letter, subject, base_url)
    mail.set_content(_templates.get_template(f"{notification.kind}.txt").render(words))
    mail.add_alternative(_templates.get_template(f"{notification.kind}.html").render(words), subtype="html")
    return mail


def _words(letter: Letter, subject: str, base_url: str) -> Mapping[str, object]:
    """What the templates speak of."""
    notification = letter.notification
    return {
        "letter": letter,
        "subject": subject,
        "at": instant(notification.created_at),
        "ends_at": instant(letter.ends_at, with_seconds=True) if letter.ends_at else None,
        # Behind a #, the token never reaches the log of any server.
        "link": f"{base_url}{_PAGES[notification.kind]}#token={letter.link_token}" if letter.link_token else None,
        "home": base_url,
    }


def _subject_about(news: StockNews) -> str:
    counted = [f"{count} {what}" for count, what in ((news.out, "out"), (news.low, "low")) if count]
    return f"Stock: {', '.join(counted)}"
