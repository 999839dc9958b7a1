"""A letter as the mail that leaves the house: text and HTML, from one template of each for every kind of event.

Whatever a customer or a product is called ends up in a mail, so HTML is escaped without exception and headers are built
by the standard library, which refuses line breaks.
"""

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
from services.inventory.notifications.model import Letter
from services.inventory.reservations.events import (
    ReservationCancelled,
    ReservationConfirmed,
    ReservationDisplaced,
    ReservationExpired,
    ReservationFulfilled,
)

SUBJECTS = {
    ReservationConfirmed.name: "Your reservation is confirmed",
    ReservationCancelled.name: "Your reservation is cancelled",
    ReservationDisplaced.name: "Your reservation could not be kept",
    ReservationFulfilled.name: "Your order is on its way",
    ReservationExpired.name: "Your reservation has expired",
    AccountRegistered.name: "Open your account",
    AccountRegisteredAgain.name: "You have an account already",
    PasswordForgotten.name: "Choose another password",
    PasswordChanged.name: "Your password was changed",
    SessionReused.name: "Your session was used twice",
}
# The pages of the API that post the token of a mail's link, after a click: programs that scan mails follow every link.
_PAGES = {AccountRegistered.name: "/account/verify-email", PasswordForgotten.name: "/account/reset-password"}

_templates = Environment(
    loader=PackageLoader("services.inventory.notifications"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,  # a misspelt name is an error in a test, not a gap in a customer's mail
    trim_blocks=True,
    lstrip_blocks=True,
)


def compose(letter: Letter, *, sender: str, base_url: str) -> EmailMessage:
    """The mail. `base_url` is what its links start with.

    The same letter gives the same Message-ID, so a mail sent twice can be told from two mails.
    """
    notification = letter.notification
    # Behind a #, the token never reaches the log of any server.
    link = f"{base_url}{_PAGES[notification.kind]}#token={letter.link_token}" if letter.link_token else None
    facts = {"letter": letter, "subject": SUBJECTS[notification.kind], "link": link, "home": base_url}
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    # A name with a line break would be refused, each time anew, and its owner never told anything.
    mail["To"] = Address(display_name=" ".join((letter.full_name or "").split()), addr_spec=letter.email)
    mail["Subject"] = SUBJECTS[notification.kind]
    mail["Date"] = format_datetime(notification.created_at)
    mail["Message-ID"] = f"<{notification.notification_id}@{parseaddr(sender)[1].partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: an out-of-office reply would answer nobody
    if notification.request_id is not None:
        mail["X-Request-ID"] = notification.request_id
    mail.set_content(_templates.get_template(f"{notification.kind}.txt").render(facts))
    mail.add_alternative(_templates.get_template(f"{notification.kind}.html").render(facts), subtype="html")
    return mail
