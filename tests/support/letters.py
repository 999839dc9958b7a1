"""Letters with all that a mail of their kind tells, and the mails that become of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from uuid import UUID

from services.inventory.accounts.model import AccountId
from services.inventory.notifications.letters import KINDS, compose
from services.inventory.notifications.model import Crossing, Item, Letter, Notification, NotificationId, StockNews
from services.inventory.reservations.model import ReservationId
from services.inventory.stock.events import LOW, OUT

SENDER = "Holdfast <no-reply@holdfast.example>"
NOTIFICATION = Notification(
    NotificationId(UUID(int=1)),
    "reservation.confirmed",
    AccountId(UUID(int=2)),
    ReservationId(UUID(int=3)),
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "a-request",
)
LETTER = Letter(
    NOTIFICATION,
    "me@example.com",
    "Jo Ü",
    "cart-81",
    (Item("TEE", "Tee, M", 2), Item("MUG", "Mug", 1)),
    ends_at=datetime(2026, 1, 2, 3, 6, 7, tzinfo=UTC),
)
CROSSED_AT = datetime(2026, 1, 2, 4, 3, 59, tzinfo=timezone(timedelta(hours=1)))
RAN_OUT = Crossing(OUT, "TEE", "Tee, M", "AMS", 0, 10, CROSSED_AT)
RAN_LOW = Crossing(LOW, "MUG", "Mug", "BER", 4, 5, CROSSED_AT)

OF_RESERVATIONS = [kind for kind in KINDS if kind.startswith("reservation.")]
OF_STOCK = [LOW, OUT]
OF_ACCOUNTS = [kind for kind in KINDS if kind not in {*OF_RESERVATIONS, *OF_STOCK}]


def mail_of(letter: Letter) -> EmailMessage:
    return compose(letter, sender=SENDER, base_url="https://shop.example")


def text(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    content: str = part.get_content()
    return content


def both(mail: EmailMessage) -> tuple[str, str]:
    return text(mail, "plain"), text(mail, "html")


def letter_of(kind: str) -> Letter:
    """With everything that a mail of this kind tells."""
    if kind in OF_RESERVATIONS:
        return replace(LETTER, notification=replace(NOTIFICATION, kind=kind))
    notification = replace(NOTIFICATION, kind=kind, reservation_id=None)
    if kind in OF_STOCK:
        return Letter(notification, "me@example.com", "Jo Ü", news=StockNews(1, 1, (RAN_OUT, RAN_LOW)))
    has_link = kind in {"account.registered", "password.forgotten"}
    return Letter(notification, "me@example.com", "Jo Ü", link_token="a-token" if has_link else None)
