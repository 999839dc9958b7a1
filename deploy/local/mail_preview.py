"""`make mails`: every mail that Holdfast sends, as files to look at; nothing has to run for it.

Each kind is there twice: as it usually is, and with the worst that people could call themselves and their things.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from jinja2 import Environment, FileSystemLoader

from deploy.local.places import PLACES, ROOT
from services.inventory.accounts.model import FULL_NAME_LENGTH_MAX, AccountId
from services.inventory.notifications.letters import KINDS, compose
from services.inventory.notifications.model import (
    CROSSINGS_LISTED_MAX,
    Crossing,
    Item,
    Letter,
    Notification,
    NotificationId,
    StockNews,
)
from services.inventory.reservations.model import ReservationId
from services.inventory.stock.events import LOW, OUT

SENDER = "Holdfast <no-reply@holdfast.example>"
BASE_URL = "http://127.0.0.1:8000"
_AT = datetime(2026, 11, 26, 10, 15, 30, tzinfo=UTC)  # always the same, so that two previews can be compared
_RESERVATION = ReservationId(UUID("019ac3f2-5b7e-7c41-9a0e-3f1d2c4b5a69"))
_TOKEN = "Zk3vT9qLw2YbR8nXcJ5mHs7pVd1gFa4eUo6iKtQyE0s"  # noqa: S105  # opens nothing
_HOSTILE = (
    "Eve <script>alert('x')</script>\r\nBcc: all@example.com {{ 7 * 7 }} {% raw %} \u202egnp.exe\u202c \u2067\u05e9\u05dc\u05d5\u05dd\u2069"
)
_ENDLESS = ("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3)[:FULL_NAME_LENGTH_MAX]


@dataclass(frozen=True, slots=True)
class _Names:
    """What people and things are called."""

    person: str
    reference: str
    items: tuple[Item, ...]
    news: Mapping[str, StockNews]


def run() -> None:
    folder = PLACES.run / "mail-preview"
    count = write(folder)
    print(f"{count} mails in {folder.relative_to(ROOT)}/; open {folder / 'index.html'}")


def write(folder: Path) -> int:
    """Write a page with all mails, and each mail's two parts as files of their own; how many mails."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for name, letter in _letters():
        mail = compose(letter, sender=SENDER, base_url=BASE_URL)
        for kind, ending in (("plain", "txt"), ("html", "html")):
            part = mail.get_body((kind,))
            assert part is not None  # noqa: S101  # a mail of ours has both
            (folder / f"{name}.{ending}").write_text(part.get_content(), encoding="utf-8")
        shown.append({"name": name, "subject": mail["Subject"], "to": mail["To"]})
    template = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True).get_template("mail_preview.html")
    (folder / "index.html").write_text(template.render(mails=shown), encoding="utf-8")
    return len(shown)


def _letters() -> Iterator[tuple[str, Letter]]:
    for kind in KINDS:
        yield kind, _letter(kind, _USUAL)
        yield f"{kind}.nasty", _letter(kind, _NASTY)


def _letter(kind: str, names: _Names) -> Letter:
    is_of_reservation = kind.startswith("reservation.")
    notification = Notification(
        NotificationId(UUID(int=1)), kind, AccountId(UUID(int=2)), _RESERVATION if is_of_reservation else None, _AT, "a-request"
    )
    return Letter(
        notification,
        "me@example.com",
        None if kind == "account.registered" else names.person,
        external_ref=names.reference if is_of_reservation else None,
        items=names.items if is_of_reservation else (),
        ends_at=_AT + timedelta(minutes=2) if kind == "reservation.expiring" else None,
        news=names.news.get(kind),
        link_token=_TOKEN if kind in {"account.registered", "password.forgotten"} else None,
    )


def _crossing(kind: str, item: Item, warehouse: str, available: int, low_stock_at: int) -> Crossing:
    return Crossing(kind, item.sku, item.name, warehouse, available, low_stock_at, _AT - timedelta(seconds=40))


_TEE, _MUG, _LAMP = Item("TEE-M", "Tee, organic cotton, M", 2), Item("MUG", "Mug", 1), Item("LAMP-OAK-40", "Table lamp, oak", 1)
_LOW = (_crossing(LOW, _MUG, "AMS", 4, 5), _crossing(LOW, _LAMP, "BER", 2, 3))
_USUAL = _Names(
    "Ann Other",
    "cart-81",
    (_TEE, _MUG, _LAMP),
    {LOW: StockNews(0, 2, _LOW), OUT: StockNews(1, 2, (_crossing(OUT, _TEE, "AMS", 0, 10), *_LOW))},
)
_EVIL, _LONG = Item("LAMP/\u202e\r\n<b>", _HOSTILE, 1_000_000), Item("SKU" * 66, _ENDLESS, 999)
_MANY = tuple(
    _crossing(OUT, (_EVIL, _LONG, _MUG)[n % 3], "W" * 200 if n == 1 else "AMS", 0, 1_000_000) for n in range(CROSSINGS_LISTED_MAX)
)
_NASTY = _Names(
    f"{_HOSTILE} {_ENDLESS}"[:FULL_NAME_LENGTH_MAX],
    f'"><img src=x onerror=alert(1)> {_ENDLESS}'[:FULL_NAME_LENGTH_MAX],
    (_EVIL, _LONG, *(Item(f"SKU-{n}", f"One more thing {n}", n) for n in range(1, 49))),
    {LOW: StockNews(0, 1, (_crossing(LOW, _EVIL, "AMS", 999_999, 1_000_000),)), OUT: StockNews(130, 7, _MANY)},
)
